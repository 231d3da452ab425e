"""How messages are chosen: what is not written as it should be is refused by name, before anything is asked or done."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from fraud_stream.coordinates import Coordinates
from fraud_stream.dispositions import Claim, Disposition
from fraud_stream.dlq_commands import _moment
from fraud_stream.errors import SelectionError
from fraud_stream.process_identity import ProcessIdentity
from fraud_stream.quarantine_audit import AuditLog
from fraud_stream.quarantine_reader import Selection


def test_coordinates_are_read_as_they_are_written() -> None:
    at = Coordinates("it-a_transactions.raw", 3, 1704)
    assert Coordinates.parse(str(at)) == at


@pytest.mark.parametrize("text", ["transactions.raw", "transactions.raw-3", "3-17", "transactions.raw-x-17", ""])
def test_anything_else_is_no_coordinates(text: str) -> None:
    with pytest.raises(SelectionError, match="topic-partition-offset"):
        Coordinates.parse(text)


def test_a_time_without_a_zone_is_utc() -> None:
    assert _moment("--since", None) is None
    assert _moment("--since", "2026-10-01T12:00:00Z") == datetime(2026, 10, 1, 12, tzinfo=UTC)
    assert _moment("--since", "2026-10-01T12:00") == datetime(2026, 10, 1, 12, tzinfo=UTC)
    east = datetime(2026, 10, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert _moment("--since", "2026-10-01T12:00+02:00") == east
    with pytest.raises(SelectionError, match="--until 'yesterday'"):
        _moment("--until", "yesterday")


def test_a_selection_says_only_what_was_given() -> None:
    assert Selection().as_sql() == ("true", [])
    since = datetime(2026, 10, 1, tzinfo=UTC)
    condition, parameters = Selection("t", "null_value", since=since, coordinates=(Coordinates("t", 1, 2),)).as_sql()
    assert condition.count("?") == len(parameters) == 4
    assert parameters == ["t", "null_value", "2026-10-01T00:00:00+00:00", '[["t", 1, 2]]']


def claim(attempt: int, search_from: int | None) -> Claim:
    return Claim(attempt, search_from, "me", "run", "here", ProcessIdentity.own())


def test_a_copy_is_looked_for_from_the_first_attempt_that_may_have_sent_one() -> None:
    assert Disposition().search_from is None
    assert Disposition((claim(1, None),)).search_from is None
    known = Disposition((claim(2, 90), claim(1, 40), claim(3, None)))
    assert (known.search_from, known.next_attempt) == (40, 4)


def test_an_audit_line_says_who_when_why_what_and_is_never_overwritten(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit" / "log.jsonl", "a release was rolled back", {"reason": "null_value"})
    log.write("redrive", [Coordinates("t", 1, 2)])
    log.write("redriven", [Coordinates("t", 1, 2)], to_offsets={"t-1-2": 9})
    first, second = map(json.loads, log.path.read_text().splitlines())
    assert first.keys() == {"at", "who", "why", "action", "wanted", "messages"}
    assert (first["why"], first["messages"]) == ("a release was rolled back", ["t-1-2"])
    assert second["to_offsets"] == {"t-1-2": 9}
