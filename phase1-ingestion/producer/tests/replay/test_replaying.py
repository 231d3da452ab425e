"""A file becomes payments in its order and labels at their time; bad rows are counted and written down."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.errors import MappingError
from fraud_producer.events import Event, to_us
from fraud_producer.pan import CardHasher
from fraud_producer.replay import FileReplay, FileSpan, Mapping
from fraud_producer.replay.replaying import ErrorFile
from fraud_producer.simulator.config import DAY_US

HASHER = CardHasher(b"k" * 32)
MAPPING = Mapping.model_validate(
    {
        "columns": {"transaction_id": "id", "event_time": "t", "user_id": "u", "merchant_id": "m", "amount": "a"},
        "label": {"column": "f", "delay_days": 2},
    }
)
HEADER = "id,t,u,m,a,f\n"
# the fraud of day 1 becomes known on day 3, that of day 9 after the file's end
ROWS = [
    "t1,2026-01-01T00:00:00Z,u1,m1,10,0\n",
    "t2,2026-01-01T12:00:00Z,u2,m1,11,1\n",
    "t3,2026-01-02T00:00:00Z,u1,m2,12,0\n",
    "t4,2026-01-05T00:00:00Z,u1,m2,13,0\n",
    "t5,2026-01-09T00:00:00Z,u2,m2,14,1\n",
    "t6,2026-01-10T00:00:00Z,u2,m2,15,0\n",
]


def replay(path: Path) -> FileReplay:
    return FileReplay(path, MAPPING, HASHER)


def names(events: list[Event]) -> list[str]:
    return [event.event_id if event.topic is TRANSACTIONS else f"label of {event.event_id}" for event in events]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "payments.csv"
    path.write_text(HEADER + "".join(ROWS), encoding="utf-8")
    return path


def test_labels_come_when_their_delay_has_passed(file: Path) -> None:
    span = FileSpan()
    events = list(replay(file).events(span))
    assert names(events) == ["t1", "t2", "t3", "label of t2", "t4", "t5", "t6"]
    label = events[3]
    assert label.event_us == label.record["transaction_time"] + 2 * DAY_US
    assert label.key == "t2"
    assert label.topic is LABELS
    assert (span.rows, span.bad_rows, span.out_of_order) == (6, 0, 0)


def test_labels_known_after_the_newest_payment_are_counted(file: Path) -> None:
    span = FileSpan()
    events = replay(file).events(span)
    next(events)
    assert span.labels_not_sent is None, "the file was not read to its end"
    sent = [event for event in events if event.topic is LABELS]
    assert (len(sent), span.labels_not_sent) == (1, 1)
    # the payment that comes last in time may stand anywhere, and its own moment is early enough
    file.write_text(HEADER + ROWS[1] + "t9,2026-01-11T00:00:00Z,u2,m2,15,0\n" + ROWS[4], encoding="utf-8")
    assert "label of t5" in names(list(replay(file).events(span)))
    assert span.labels_not_sent == 0


def test_labels_known_after_the_span_are_counted_and_those_of_later_rows_are_not(file: Path) -> None:
    held = replay(file).scan(hold_back=3).held_back_us
    assert held is not None
    for until_us, not_sent in ((held, 0), (held - 2 * DAY_US, 1), (held + 30 * DAY_US, 0)):
        span = FileSpan()
        list(replay(file).events(span, until_us=until_us))
        assert span.labels_not_sent == not_sent
    span = FileSpan()
    list(replay(file).events(span, since_us=held))
    assert span.labels_not_sent == 1


def test_history_and_held_back_rows_make_the_whole(file: Path) -> None:
    contents = replay(file)
    held = contents.scan(hold_back=3).held_back_us
    history = list(contents.events(FileSpan(), until_us=held))
    live = list(contents.events(FileSpan(), since_us=held))
    assert names(history) == ["t1", "t2", "t3", "label of t2"]
    assert names(live) == ["t4", "t5", "t6"]


def test_labels_of_history_that_become_known_later_belong_to_the_rest(file: Path) -> None:
    cut = to_us(pl.datetime(2026, 1, 2, 1, time_zone="UTC").pipe(lambda x: pl.select(x).item()))
    contents = replay(file)
    assert names(list(contents.events(FileSpan(), until_us=cut))) == ["t1", "t2", "t3"]
    assert names(list(contents.events(FileSpan(), since_us=cut))) == ["label of t2", "t4", "t5", "t6"]


def test_gzip_and_parquet_give_the_same_events(file: Path, tmp_path: Path) -> None:
    expected = list(replay(file).events(FileSpan()))
    compressed = tmp_path / "payments.csv.gz"
    compressed.write_bytes(gzip.compress(file.read_bytes()))
    parquet = tmp_path / "payments.parquet"
    pl.read_csv(file, try_parse_dates=True).write_parquet(parquet)
    assert list(replay(compressed).events(FileSpan())) == expected
    assert list(replay(parquet).events(FileSpan())) == expected


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_header_tells_the_delimiter(file: Path, delimiter: str) -> None:
    file.write_text((HEADER + "".join(ROWS)).replace(",", delimiter), encoding="utf-8")
    assert len(list(replay(file).events(FileSpan()))) == 7


def test_a_byte_order_mark_is_no_part_of_the_header(file: Path) -> None:
    file.write_text("\ufeff" + HEADER + ROWS[0], encoding="utf-8")
    assert names(list(replay(file).events(FileSpan()))) == ["t1"]


def test_bad_rows_are_written_with_line_field_value_and_reason(file: Path, tmp_path: Path) -> None:
    bad = ["b1,2026-01-03T00:00:00Z,,m1,1,0\n", "b2,never,u1,m1,1,0\n", "b3,2026-01-03T00:00:00Z,u1\n"]
    file.write_text(HEADER + ROWS[0] + bad[0] + ROWS[2] + bad[1] + bad[2] + ROWS[3], encoding="utf-8")
    span = FileSpan()
    with ErrorFile(tmp_path / "errors" / "bad.csv") as errors:
        assert names(list(replay(file).events(span, errors))) == ["t1", "t3", "t4"]
    with errors.path.open(encoding="utf-8", newline="") as written:
        rows = list(csv.DictReader(written))
    assert [(row["line"], row["field"]) for row in rows] == [("3", "user_id"), ("5", "event_time"), ("6", "(row)")]
    assert rows[1]["value"] == "never"
    assert all(row["reason"] for row in rows)
    assert (span.rows, span.bad_rows) == (3, 3)


def test_a_row_over_several_lines_is_told_by_its_first(file: Path, tmp_path: Path) -> None:
    long = '"t9","2026-01-01T12:00:00Z","u\n\nu","m1",11,1\n'
    file.write_text(HEADER + ROWS[0] + "\n" + long + ROWS[2] + "b,never,u,m,1,0\n", encoding="utf-8")
    with ErrorFile(tmp_path / "bad.csv") as errors:
        assert names(list(replay(file).events(FileSpan(), errors))) == ["t1", "t3"]
    with errors.path.open(encoding="utf-8", newline="") as written:
        assert [(row["line"], row["field"]) for row in csv.DictReader(written)] == [
            ("4", "user_id"),
            ("8", "event_time"),
        ]


def test_a_good_file_leaves_no_errors_file(file: Path, tmp_path: Path) -> None:
    with ErrorFile(tmp_path / "bad.csv") as errors:
        list(replay(file).events(FileSpan(), errors))
    assert not errors.path.exists()


def test_bytes_that_are_no_text_cost_one_row(file: Path) -> None:
    file.write_bytes((HEADER + ROWS[0]).encode() + b"t\xff,2026-01-01T12:00:00Z,u\xff,m1,11,1\n" + ROWS[2].encode())
    span = FileSpan()
    assert names(list(replay(file).events(span))) == ["t1", "t3"]
    assert span.bad_rows == 1


def test_rows_out_of_order_are_counted(file: Path) -> None:
    file.write_text(HEADER + ROWS[3] + ROWS[0] + ROWS[5], encoding="utf-8")
    span = FileSpan()
    list(replay(file).events(span))
    assert span.out_of_order == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "id,t,id\n", "column 'id' twice"),
        ("a.csv", "id,t\n", r"columns\.user_id"),
        ("a.xlsx", "x", "convert it"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(MappingError, match=message):
        replay(path)


@pytest.mark.parametrize(("fraud", "honest"), [("1.0", "0.0"), ("1", "0"), ("1.0", "")])
def test_a_csv_of_floats_keeps_its_labels(file: Path, fraud: str, honest: str) -> None:
    rows = [row.replace(",1\n", f",{fraud}\n").replace(",0\n", f",{honest}\n") for row in ROWS]
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    assert names(list(replay(file).events(FileSpan())))[3] == "label of t2"


def test_a_parquet_column_of_floats_keeps_its_labels(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "payments.parquet"
    frame = pl.read_csv(file).with_columns(f=pl.Series([float("nan"), 1.0, None, 0.0, 1.0, float("nan")]))
    assert frame.schema["f"] == pl.Float64
    frame.write_parquet(path)
    assert names(list(replay(path).events(FileSpan()))) == names(list(replay(file).events(FileSpan())))


def test_a_label_column_that_never_says_anything_is_named(file: Path) -> None:
    file.write_text(HEADER + "".join(row[: row.rindex(",")] + ",betrug\n" for row in ROWS), encoding="utf-8")
    contents = replay(file)
    for read in (contents.scan, lambda: list(contents.events(FileSpan()))):
        with pytest.raises(
            MappingError, match=r"payments\.csv never says in 'f' .*holds 'betrug'.*label\.fraud_values"
        ):
            read()


def test_a_file_without_any_fraud_is_fine(file: Path) -> None:
    file.write_text(HEADER + ROWS[0] + ROWS[2], encoding="utf-8")
    assert names(list(replay(file).events(FileSpan()))) == ["t1", "t3"]


def test_what_only_calls_itself_gzip_or_parquet_is_named(tmp_path: Path) -> None:
    for name, remedy in (("plain.csv.gz", "drop .gz from its name"), ("fake.parquet", "write it again")):
        path = tmp_path / name
        path.write_text(HEADER + "".join(ROWS), encoding="utf-8")
        with pytest.raises(MappingError, match=rf"{name} is no whole .*{remedy}"):
            replay(path)


@pytest.mark.parametrize("spoil", [lambda whole: whole[:-400], lambda whole: whole[:600] + b"\xff" * 80 + whole[680:]])
def test_a_damaged_gzip_file_is_named_when_its_damage_is_reached(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "payments.csv.gz"
    many = [f"t{number},2026-01-01T00:00:00Z,u{number * 7919 % 1000},m1,10,0\n" for number in range(20_000)]
    path.write_bytes(spoil(gzip.compress((HEADER + "".join(many)).encode(), mtime=0)))
    with pytest.raises(MappingError, match=r"payments\.csv\.gz.* is no whole gzip file .*compress it again"):
        replay(path).scan()


def test_a_damaged_parquet_file_is_named_when_its_damage_is_reached(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "payments.parquet"
    pl.read_csv(file).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 200 + whole[204:])
    with pytest.raises(MappingError, match=r"payments\.parquet.* is no whole Parquet file"):
        replay(path).scan()


def test_a_file_that_is_gone_is_named(file: Path) -> None:
    contents = replay(file)
    file.unlink()
    for read in (contents.scan, lambda: replay(file)):
        with pytest.raises(MappingError, match=r"payments\.csv cannot be read \(No such file"):
            read()


def test_another_encoding_is_named(file: Path) -> None:
    layout = Mapping.model_validate(MAPPING.model_dump() | {"csv": {"encoding": "utf-16"}})
    with pytest.raises(MappingError, match=r"payments\.csv is not in the encoding of csv\.encoding"):
        FileReplay(file, layout, HASHER)
