"""Whatever stands in a file: a row becomes a record that fits the contract, or is refused by field and reason."""

import csv
import io
import json
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_contracts import (
    EARLIEST_EVENT_US,
    LATEST_EVENT_US,
    MAX_AMOUNT_CENTS,
    MIN_AMOUNT_CENTS,
    TRANSACTIONS,
    field_names,
    schema_text,
)
from fraud_producer.avro import Decoder, Encoder
from fraud_producer.events import cents_of, to_datetime, to_us
from fraud_producer.pan import CardHasher
from fraud_producer.replay import FileReplay, FileSpan, Mapping
from fraud_producer.replay.parsing import RowError, RowParser
from fraud_producer.replay.row import Row

HASHER = CardHasher(b"k" * 32)
FIELDS = [name for name in field_names(TRANSACTIONS) if name not in ("card_hash", "card_bin")]
EVERYTHING = Mapping.model_validate(
    {
        "columns": {name: name for name in (*FIELDS, "card_number")},
        "amount": {"base_currency": "EUR", "rates": {"USD": 0.92}},
        "label": {"column": "fraud", "delay_days": 1},
    }
)
FEW = {name: name for name in ("event_time", "user_id", "merchant_id", "amount")}
GOOD = {"event_time": "2026-01-02T03:04:05Z", "user_id": "u1", "merchant_id": "m1", "amount": "12.34"}
ENCODER = Encoder(TRANSACTIONS, 1)
DECODER = Decoder(lambda _: schema_text(TRANSACTIONS))
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=80),
    st.text(alphabet="0123456789.,-+eE: TZ/'_ \u00a0", max_size=24),
    st.binary(max_size=12),
    st.decimals(),
    st.datetimes(),
    st.dates(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=1),
)
MOMENTS = st.integers(EARLIEST_EVENT_US, LATEST_EVENT_US - 1)
CENTS = st.integers(MIN_AMOUNT_CENTS, MAX_AMOUNT_CENTS)


def parse(values: dict[str, Any], **mapping: Any) -> dict[str, Any]:
    layout = Mapping.model_validate({"columns": FEW} | mapping)
    return RowParser(layout, "a.csv", HASHER).parse(Row(1, 2, GOOD | values)).record


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from([*FIELDS, "card_number", "fraud"]), ANYTHING, max_size=4))
def test_a_row_fits_the_contract_or_is_refused_by_name(values: dict[str, Any]) -> None:
    parser = RowParser(EVERYTHING, "a.csv", HASHER)
    refused: RowError | None = None
    try:
        record = parser.parse(Row(1, 2, GOOD | values)).record
    except RowError as wrong:
        refused = wrong
    if refused is not None:
        assert refused.field in (*FIELDS, "card_number")
        assert refused.reason
        return
    stored = DECODER.decode(ENCODER.encode(record))
    assert EARLIEST_EVENT_US <= to_us(stored["event_time"]) < LATEST_EVENT_US
    assert MIN_AMOUNT_CENTS <= cents_of(record["amount"]) <= MAX_AMOUNT_CENTS
    assert stored["amount"] == Decimal(cents_of(record["amount"])).scaleb(-2)


def grouped(digits: str, separator: str) -> str:
    first = len(digits) % 3 or 3
    return separator.join([digits[:first], *(digits[at : at + 3] for at in range(first, len(digits), 3))])


@settings(deadline=None)
@given(CENTS, st.sampled_from([",", "."]), st.sampled_from([None, ",", ".", " ", "'"]), st.booleans())
def test_amounts_are_read_as_they_were_written(cents: int, point: str, separator: str | None, negative: bool) -> None:
    if separator == point:
        separator = None
    whole, fraction = divmod(cents, 100)
    text = f"{'-' if negative else ''}{grouped(str(whole), separator or '')}{point}{fraction:02d}"
    layout = {"decimal_comma": point == ",", "thousands": separator, "absolute": True}
    assert cents_of(parse({"amount": text}, amount=layout)["amount"]) == cents
    minor = parse({"amount": str(cents)}, amount={"unit": "minor"})
    assert cents_of(minor["amount"]) == cents


@settings(deadline=None)
@given(st.integers(0, 999), st.integers(0, 99))
def test_a_point_that_groups_nothing_is_no_thousands_separator(whole: int, fraction: int) -> None:
    with pytest.raises(RowError, match=r"amount is no number: check amount\.decimal_comma"):
        parse({"amount": f"{whole}.{fraction:02d}"}, amount={"decimal_comma": True})


@settings(deadline=None)
@given(MOMENTS, st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
def test_moments_are_read_as_they_were_written(moment: int, zone: str) -> None:
    utc = to_datetime(moment)
    written: list[tuple[Any, str]] = [
        (utc.isoformat(), "iso"),
        (utc.astimezone(ZoneInfo(zone)).isoformat(), "iso"),
        (utc, "iso"),
        (moment, "epoch_us"),
        (f"{moment // 1000}.{moment % 1000:03d}", "epoch_ms"),
        (f"{moment // 1_000_000}.{moment % 1_000_000:06d}", "epoch_s"),
        (utc.strftime("%d/%m/%Y %H:%M:%S.%f %z"), "%d/%m/%Y %H:%M:%S.%f %z"),
    ]
    for value, layout in written:
        assert parse({"event_time": value}, time={"format": layout, "zone": zone})["event_time"] == moment


@settings(deadline=None)
@given(MOMENTS, st.sampled_from(["Europe/Berlin", "America/New_York"]))
def test_local_times_mean_their_zone(moment: int, zone: str) -> None:
    local = to_datetime(moment).astimezone(ZoneInfo(zone))
    read = parse({"event_time": local.replace(tzinfo=None).isoformat()}, time={"zone": zone})["event_time"]
    # the hour that comes twice in autumn is read as its first
    assert to_datetime(read) in (local, local - timedelta(hours=1))
    assert to_datetime(read).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local.replace(tzinfo=None)


CELLS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CENTS, st.sampled_from(["0", "1"])), min_size=1, max_size=12))
def test_csv_ndjson_and_parquet_of_the_same_rows_are_the_same(rows: list[tuple[str, str, int, str]]) -> None:
    header = ("t", "u", "d", "a", "f")
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    table = [
        ((begin + timedelta(hours=number)).isoformat(), user, device, f"{cents / 100:.2f}", fraud)
        for number, (user, device, cents, fraud) in enumerate(rows)
    ]
    # one row that is good in any case: a file of nothing but bad rows has no labels
    table.append((begin.isoformat(), "u1", "d1", "1.00", "0"))
    layout = Mapping.model_validate(
        {
            "source": "same",
            "columns": {"event_time": "t", "user_id": "u", "device_id": "d", "amount": "a"},
            "constants": {"merchant_id": "m1"},
            "label": {"column": "f", "delay_days": 0.05},
            "csv": {"delimiter": ","},
        }
    )
    text = io.StringIO()
    csv.writer(text).writerows([header, *table])
    results = []
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("rows.csv", "rows.ndjson", "rows.parquet")]
        places[0].write_text(text.getvalue(), encoding="utf-8", newline="")
        lines = (json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in table)
        places[1].write_text("".join(lines), encoding="utf-8", newline="")
        pl.DataFrame(table, schema=list(header), orient="row").write_parquet(places[2])
        for path in places:
            span = FileSpan()
            events = list(FileReplay(path, layout, HASHER).events(span))
            results.append((events, span.rows, span.bad_rows))
    assert results[0] == results[1] == results[2]
    assert results[0][1] + results[0][2] == len(table)
