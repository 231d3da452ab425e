"""Pairs of runs: their order, their ratios, and what a void run does to them."""

from collections.abc import Iterator

from fraud_benchmarks.comparing import Comparison, Leg, Run, shown_beside
from fraud_benchmarks.report import Target


def leg(name: str, runs: Iterator[Run], order: list[str]) -> Leg:
    def run() -> Run:
        order.append(name)
        return next(runs)

    return Leg(name, run)


def values(*found: float) -> Iterator[Run]:
    return iter([Run(value) for value in found])


def comparison(ours: Leg, *peers: Leg, targets: dict[str, Target]) -> Comparison:
    return Comparison("B0", "nothing in particular", "events/s", ours, peers, targets)


def test_ours_and_a_peer_run_in_turn_and_who_begins_alternates() -> None:
    order: list[str] = []
    ours = leg("ours", values(*[1.0] * 4), order)
    peers = [leg("a", values(1.0, 1.0), order), leg("b", values(1.0, 1.0), order)]
    comparison(ours, *peers, targets={}).run(2, lambda _: None)
    assert order == ["ours", "a", "ours", "b", "a", "ours", "b", "ours"]


def test_a_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_the_medians() -> None:
    order: list[str] = []
    ours = leg("ours", values(10, 20, 90), order)
    peer = leg("a", values(1, 10, 10), order)
    result = comparison(ours, peer, targets={"a": Target(5)}).run(3, lambda _: None)
    assert (result.ours, result.peers["a"], result.ratios["a"].median) == (20, 10, 9)


def test_a_target_is_met_only_when_the_whole_interval_meets_it() -> None:
    for slowest, met in ((2.5, True), (2.4, False)):
        ours = leg("ours", values(slowest, *[3.0] * 6), [])
        peer = leg("a", values(*[1.0] * 7), [])
        ratio = comparison(ours, peer, targets={"a": Target(2.5)}).run(7, lambda _: None).ratios["a"]
        assert (ratio.median, ratio.low, ratio.high, ratio.target, ratio.met) == (3.0, slowest, 3.0, ">= 2.5", met)


def test_an_upper_target_looks_at_the_upper_end() -> None:
    for longest, met in ((2.0, True), (2.1, False)):
        ours = leg("ours", values(longest, *[1.0] * 6), [])
        peer = leg("a", values(*[1.0] * 7), [])
        ratio = comparison(ours, peer, targets={"a": Target(2, at_most=True)}).run(7, lambda _: None).ratios["a"]
        assert (ratio.target, ratio.met) == ("<= 2", met)


def test_too_few_pairs_are_not_judged() -> None:
    ours, peer = leg("ours", values(*[9.0] * 5), []), leg("a", values(*[1.0] * 5), [])
    ratio = comparison(ours, peer, targets={"a": Target(2.5)}).run(5, lambda _: None).ratios["a"]
    assert (ratio.median, ratio.low, ratio.high, ratio.met) == (9.0, None, None, None)


def test_a_void_run_is_counted_said_and_enters_no_ratio() -> None:
    ours = leg("ours", iter([Run(100, lost=1), Run(4), Run(4)]), [])
    peer = leg("a", iter([Run(1), Run(2), Run(1, duplicated=2)]), [])
    said: list[str] = []
    result = comparison(ours, peer, targets={"a": Target(1)}).run(3, said.append)
    assert (result.lost, result.duplicated, result.is_void) == (1, 2, True)
    assert (result.ours, result.peers["a"], result.ratios["a"].median) == (4, 1.5, 2.0)
    assert [line for line in said if "VOID" in line] == [said[0], said[5]]
    assert "1 lost, 0 duplicated" in said[0]


def test_a_peer_of_void_runs_has_no_value() -> None:
    ours, peer = leg("ours", values(1.0), []), leg("a", iter([Run(5, lost=3)]), [])
    result = comparison(ours, peer, targets={"a": Target(1)}).run(1, lambda _: None)
    assert (result.peers, result.ratios) == ({"a": None}, {})


def test_a_peer_without_a_target_is_shown_beside() -> None:
    ours, peer = leg("ours", values(6.0), []), leg("a", values(2.0), [])
    result = comparison(ours, peer, targets={}).run(1, lambda _: None)
    assert (result.peers, result.ratios) == ({"a": 2.0}, {})


def test_further_legs_are_shown_by_their_medians_and_their_void_runs_count() -> None:
    order: list[str] = []
    pair = comparison(leg("ours", values(6.0), order), leg("a", values(2.0), order), targets={})
    further = [
        leg("b", iter([Run(3), Run(9, lost=1), Run(5)]), order),
        leg("c", iter([Run(1, duplicated=2)] * 3), order),
    ]
    said: list[str] = []
    result = shown_beside(pair.run(1, said.append), further, 3, said.append)
    assert (result.ours, result.peers, result.ratios) == (6.0, {"a": 2.0, "b": 4.0, "c": None}, {})
    assert (result.lost, result.duplicated) == (1, 6)
    assert order == ["ours", "a", *"bbb", *"ccc"]
    assert [("VOID" in line) for line in said] == [False] * 3 + [True] + [False] + [True] * 3
