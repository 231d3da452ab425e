"""A wrong mapping is answered with the place in it, the value and the remedy."""

from pathlib import Path

import pytest

from fraud_producer.errors import MappingError
from fraud_producer.replay import load_mapping

MINIMAL = """
columns:
  event_time: when
  user_id: who
  merchant_id: where
  amount: how_much
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "map.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_four_columns_are_enough(tmp_path: Path) -> None:
    mapping = load_mapping(write(tmp_path, MINIMAL))
    assert mapping.time.zone == "UTC"
    assert mapping.label is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL.replace("  amount: how_much\n", ""), r"columns\.amount is missing: name the column"),
        (MINIMAL + "  amonut: x\n", r"'amonut' is no field; the fields are transaction_id, event_time"),
        (MINIMAL + "constants: {amount: 5}\n", r"'amount' is both a column and a constant: keep one"),
        (MINIMAL + "time: {zone: Berlin}\n", r"time\.zone: 'Berlin' is no time zone; use a name like Europe/Berlin"),
        (MINIMAL + "time: {format: unix}\n", r"time\.format: 'unix' is no format; use iso, epoch_s"),
        (MINIMAL + "time: {format: '%d.%m.%Q'}\n", r"time\.format: '%d\.%m\.%Q' is no pattern .*use one like"),
        (MINIMAL + "time: {format: '%H:%M'}\n", r"time\.format: '%H:%M' names no whole day"),
        (MINIMAL + "amount: {thousands: .}\n", r"amount: thousands '\.' is what separates the decimals"),
        (MINIMAL + "amount: {unit: cents}\n", r"amount\.unit: .*'major' or 'minor'.*it is 'cents'"),
        (MINIMAL + "amount: {rates: {USD: 0.9}}\n", r"amount: rates need base_currency"),
        (MINIMAL + "amount: {base_currency: EUR, rates: {USD: -1}}\n", r"amount\.rates\.USD: .*it is -1"),
        (MINIMAL + "  currency: money\n", r"columns\.currency needs amount\.base_currency"),
        (MINIMAL + "label: {column: fraud}\n", r"label\.delay_days: field required"),
        (MINIMAL + "label: {column: fraud, delay_days: -1}\n", r"label\.delay_days: .*it is -1"),
        (MINIMAL + "label: {column: fraud, delay_days: 1, delay: 2}\n", r"label\.delay: .*; remove it"),
        (MINIMAL + "  card_number: pan\n  card_hash: hash\n", r"card_number makes card_hash and card_bin itself"),
        (MINIMAL + "constants: {card_number: '4000123456789017'}\n", r"card_number cannot be a constant"),
        ("- a\n", r"is not a mapping: begin with `columns:`"),
        ("columns: [", r"is not readable YAML"),
    ],
)
def test_errors_name_place_value_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MappingError, match=rf"(?i)map\.yml.*{message}"):
        load_mapping(write(tmp_path, text))


def test_a_column_that_the_file_lacks_is_named_with_those_it_has(tmp_path: Path) -> None:
    mapping = load_mapping(write(tmp_path, MINIMAL + "label: {column: fraud, delay_days: 1}\n"))
    with pytest.raises(MappingError, match=r"columns\.user_id: a\.csv has no column 'who'; it has when, where"):
        mapping.check_columns(["when", "where", "how_much", "fraud"], "a.csv")
    with pytest.raises(MappingError, match=r"label\.column: a\.csv has no column 'fraud'"):
        mapping.check_columns(["when", "who", "where", "how_much"], "a.csv")
