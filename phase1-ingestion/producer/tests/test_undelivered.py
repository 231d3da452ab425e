"""What was not acknowledged is named, at once, and an unknown outcome is settled later."""

from pathlib import Path

from fraud_producer.undelivered import GivenUp, Outcome, Undelivered


def test_lines_are_there_before_the_file_is_closed(tmp_path: Path) -> None:
    kept = Undelivered(tmp_path, "run1")
    assert kept.read() == []
    kept.add("t.raw", "u,1", "t1", Outcome.FAILED, 'said "no"')
    assert Undelivered(tmp_path, "run1").read() == [GivenUp("t.raw", "u,1", "t1", Outcome.FAILED, 'said "no"')]
    assert not kept.has_unknown
    kept.add("t.raw", "u\u2028\x85", "t2", Outcome.UNKNOWN, "two\nlines")
    assert kept.has_unknown
    assert [(line.key, line.reason) for line in kept.read()][1] == ("u\u2028\x85", "two\nlines")
    kept.close()


def test_a_line_that_a_kill_left_in_part_is_not_there(tmp_path: Path) -> None:
    kept = Undelivered(tmp_path, "run1")
    kept.add("t.raw", "u1", "t1", Outcome.FAILED, "")
    kept.close()
    with kept.path.open("a") as file:
        file.write("t.raw,u1,t2,fai")
    assert [line.event_id for line in kept.read()] == ["t1"]


def test_only_unknown_outcomes_are_settled(tmp_path: Path) -> None:
    kept = Undelivered(tmp_path, "run1")
    for name, outcome in (("t1", Outcome.UNKNOWN), ("t2", Outcome.FAILED), ("t3", Outcome.UNKNOWN)):
        kept.add("t.raw", "u1", name, outcome, "why")
    kept.close()
    assert kept.settle(lambda _: None) == (0, 0)
    assert kept.settle(lambda line: line.event_id != "t3") == (1, 1)
    assert [line.outcome for line in kept.read()] == [Outcome.ARRIVED, Outcome.FAILED, Outcome.ABSENT]
    assert kept.settle(lambda _: True) == (0, 0)
    assert [path.name for path in kept.path.parent.iterdir()] == ["run1.csv"]
