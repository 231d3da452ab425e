"""The audit of one partition: every kind of breach turns it red and is counted as what it is."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_stream.conservation import PartitionAudit, TopicAudit, audit_partition
from fraud_stream.offset_ranges import OffsetRanges

END = 20


def occurrences(offsets: Iterable[int]) -> dict[int, OffsetRanges]:
    times = Counter(offsets)
    return {
        count: OffsetRanges.of_offsets(offset for offset in times if times[offset] == count)
        for count in set(times.values())
    }


def audit(
    ledger: Iterable[int], bronze: Iterable[int], quarantine: Iterable[int] = (), begin: int = 0, later_end: int = END
) -> PartitionAudit:
    return audit_partition(
        3,
        (begin, END),
        later_end,
        ledger=occurrences(ledger),
        bronze=occurrences(bronze),
        quarantine=occurrences(quarantine),
    )


def test_holds_when_every_message_is_in_one_table() -> None:
    verdict = audit(range(END), set(range(END)) - {4, 5}, {4, 5})
    assert verdict.holds
    assert (verdict.produced, verdict.bronze, verdict.quarantine) == (END, END - 2, 2)


@pytest.mark.parametrize(
    ("ledger", "bronze", "quarantine", "breach", "offsets"),
    [
        pytest.param(range(END), set(range(END)) - {7}, (), "missing", [7], id="a Bronze row removed"),
        pytest.param(range(END), [*range(END), 7], (), "duplicated", [7], id="a Bronze row added twice"),
        pytest.param(range(END), range(END - 1), (19, 19), "duplicated", [19], id="a quarantine row added twice"),
        pytest.param([*range(END), 7], range(END), (), "duplicated", [7], id="a ledger line written twice"),
        pytest.param(set(range(END)) - {7}, range(END), (), "unexplained", [7], id="a ledger line removed"),
        pytest.param(range(END), range(END), (7,), "overlap", [7], id="a row in both tables"),
    ],
)
def test_a_breach_turns_it_red(
    ledger: Iterable[int], bronze: Iterable[int], quarantine: Iterable[int], breach: str, offsets: list[int]
) -> None:
    verdict = audit(ledger, bronze, quarantine)
    assert not verdict.holds
    assert {name: found.first(5) for name, found in verdict.breaches().items()} == {breach: offsets}


def test_a_loss_is_not_hidden_by_a_duplicate() -> None:
    verdict = audit(range(END), [*(offset for offset in range(END) if offset != 3), 4])
    assert verdict.bronze == verdict.produced
    assert (verdict.missing.first(1), verdict.duplicated.first(1)) == ([3], [4])


def test_what_arrived_after_the_audit_began_is_left_to_the_next_one() -> None:
    verdict = audit(range(END + 3), [*range(END + 5), END + 1], later_end=END + 5)
    assert verdict.holds
    assert verdict.produced == END


def test_what_the_broker_acknowledged_and_has_lost_is_missing() -> None:
    verdict = audit(range(END + 4), range(END), later_end=END)
    assert (verdict.produced, verdict.missing.first(9), verdict.unexplained.first(9)) == (
        END + 4,
        [END, END + 1, END + 2, END + 3],
        [],
    )


def test_offsets_that_the_broker_never_gave_out_are_unexplained() -> None:
    verdict = audit(range(END), range(END + 1), later_end=END)
    assert verdict.unexplained.first(5) == [END]


def test_what_retention_removed_must_still_be_in_a_table() -> None:
    assert audit(range(END), range(END), begin=10).holds
    assert audit(range(END), range(5, END), begin=10).missing.first(9) == [0, 1, 2, 3, 4]


def test_a_hole_between_landed_messages_is_a_loss_even_when_neither_broker_nor_ledger_remembers_them() -> None:
    whole = [offset for offset in range(END) if offset not in (6, 7)]
    assert audit(whole, whole, begin=10).missing.first(9) == [6, 7]


@given(st.sets(st.integers(0, END - 1)), st.sets(st.integers(0, END - 1)), st.sets(st.integers(0, END - 1)))
def test_it_holds_exactly_when_the_sets_say_so(ledger: set[int], bronze: set[int], quarantine: set[int]) -> None:
    expected = ledger == set(range(END)) and bronze | quarantine == ledger and not bronze & quarantine
    assert audit(ledger, bronze, quarantine).holds == expected


def test_a_topic_holds_when_all_its_partitions_do_and_says_so_in_json() -> None:
    good, bad = audit(range(END), range(END)), audit(range(END), range(1, END))
    assert TopicAudit("a", (good, good)).holds
    verdict = TopicAudit("a", (good, bad)).as_json()
    assert {name: verdict[name] for name in ("produced", "bronze", "quarantine", "missing", "duplicated", "holds")} == {
        "produced": 2 * END,
        "bronze": 2 * END - 1,
        "quarantine": 0,
        "missing": 1,
        "duplicated": 0,
        "holds": False,
    }
    assert verdict["partitions"][1]["examples"] == {"missing": [0]}
