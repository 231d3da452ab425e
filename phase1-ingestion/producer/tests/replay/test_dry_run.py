"""The command shows the first rows as they will be sent, and says what is wrong, without Kafka."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fraud_producer.cli import app
from fraud_producer.errors import BadRowError
from fraud_producer.settings import load_settings

MAPPING = """
columns: {event_time: t, user_id: u.id, merchant_id: m, amount: a, card_number: c}
label: {column: f, delay_days: 2}
"""
ROWS = [
    {"t": "2026-01-01T00:00:00Z", "u": {"id": "u1"}, "m": "m1", "a": 12.5, "c": "4000123456789017", "f": 1},
    {"t": "2026-01-01T00:00:01Z", "u": {"id": "u2"}, "m": "m1", "a": "much", "f": 0},
    {"t": "2026-01-01T00:00:02Z", "u": {"id": "u3"}, "m": "m1", "a": 7, "f": 0},
]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
        "FRAUD_PRODUCER_PAN_KEY": "a secret of enough characters",
        "FRAUD_PRODUCER_LEDGER_DIR": str(tmp_path / "ledger"),
    }.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "map.yml").write_text(MAPPING, encoding="utf-8")
    path = tmp_path / "payments.ndjson.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode()))
    return path


def replay(file: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["replay", str(file), "--mapping", str(file.with_name("map.yml")), *more])


def test_rows_are_shown_as_they_will_be_sent(file: Path, tmp_path: Path) -> None:
    done = replay(file, "--dry-run", "--rows", "2")
    assert done.exit_code == 0
    good, bad = map(json.loads, done.stdout.splitlines())
    payment, label = good["messages"]
    assert good["line"] == 1
    assert (payment["topic"], payment["key"]) == ("transactions.raw", "u1")
    assert payment["value"]["event_time"] == "2026-01-01T00:00:00.000000Z"
    assert payment["value"]["amount"] == "12.50"
    assert payment["value"]["card_hash"].startswith("k1:")
    assert "4000123456789017" not in done.output
    assert (label["topic"], label["value"]["event_time"]) == ("labels.raw", "2026-01-03T00:00:00.000000Z")
    assert bad == {
        "line": 2,
        "field": "amount",
        "value": "much",
        "reason": "is no number: check amount.decimal_comma and amount.thousands",
    }
    assert "1 rows can be sent, 1 cannot; nothing was sent" in done.stderr
    assert not (tmp_path / "ledger").exists()


def test_five_rows_are_shown_unless_a_number_is_given(file: Path) -> None:
    file.write_bytes(gzip.compress((json.dumps(ROWS[0]) + "\n").encode() * 8))
    for more, count in (((), 5), (("--rows", "1"), 1), (("--rows", "7"), 7)):
        shown = [json.loads(line) for line in replay(file, "--dry-run", *more).stdout.splitlines()]
        assert [row["line"] for row in shown] == list(range(1, count + 1))


@pytest.mark.parametrize("more", [("--rows", "2"), ("--dry-run", "--rows", "0"), ("--dry-run", "2")])
def test_a_number_of_rows_is_for_a_dry_run_only(file: Path, more: tuple[str, ...]) -> None:
    assert replay(file, *more).exit_code == 2


def test_strict_stops_at_the_first_bad_row_before_anything_is_sent(file: Path) -> None:
    for more in ((), ("--dry-run",)):
        stopped = replay(file, "--strict", "--append", *more).exception
        assert isinstance(stopped, BadRowError)
        assert "line 2: amount 'much' is no number" in str(stopped)


def test_a_file_of_nothing_but_bad_rows_is_refused(file: Path) -> None:
    file.write_bytes(gzip.compress((json.dumps(ROWS[1] | {"c": ""}) + "\n").encode() * 3))
    refused = replay(file, "--append").exception
    assert isinstance(refused, BadRowError)
    assert "none of 3 rows can be sent; the first: payments.ndjson.gz line 1: amount 'much'" in str(refused)


@pytest.mark.parametrize("speed", ["fast", "0", "-1", "inf", "nan"])
def test_a_speed_is_a_factor_or_max(file: Path, speed: str) -> None:
    done = replay(file, "--speed", speed)
    assert done.exit_code == 2
    assert "is no factor" in done.stderr
