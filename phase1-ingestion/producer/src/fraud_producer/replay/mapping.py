"""The mapping file: which column of somebody's data is which field of ours.

A minimal one names five columns::

    columns:
      event_time: booked_at
      user_id: customer
      merchant_id: shop
      amount: value
    label:
      column: is_fraud
      delay_days: 5
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fraud_contracts import TRANSACTIONS, field_names
from fraud_producer.errors import MappingError

# Not a field of the contract: it becomes card_hash and card_bin, and the number itself goes nowhere.
CARD_NUMBER: Final = "card_number"
FIELDS: Final = (*field_names(TRANSACTIONS), CARD_NUMBER)
REQUIRED: Final = ("event_time", "user_id", "merchant_id", "amount")
# In ``values``: what every text that is not listed becomes.
ANY_OTHER: Final = "*"
_SOME_MOMENT: Final = datetime(2026, 11, 22, 17, 45, 59, 123456, tzinfo=UTC)

Text = Annotated[str, Field(min_length=1)]
Constant = str | bool | int | float


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeFormat(_Part):
    """How ``event_time`` is written; ``zone`` is for texts without an offset."""

    # iso, epoch_s, epoch_ms, epoch_us, or a strptime pattern like %d.%m.%Y %H:%M
    format: Text = "iso"
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone; use a name like Europe/Berlin") from None
        return value

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        if value in ("iso", "epoch_s", "epoch_ms", "epoch_us"):
            return value
        if "%" not in value:
            raise ValueError(f"{value!r} is no format; use iso, epoch_s, epoch_ms, epoch_us or a pattern like %d.%m.%Y")
        try:
            written = _SOME_MOMENT.strftime(value)
            names_a_day = datetime.strptime(written, value).date() == _SOME_MOMENT.date()
        except ValueError as broken:
            raise ValueError(f"{value!r} is no pattern ({broken}); use one like %d.%m.%Y %H:%M:%S") from None
        if not names_a_day:
            raise ValueError(f"{value!r} names no whole day: it needs a year, a month and a day, like %d.%m.%Y")
        return value


class AmountFormat(_Part):
    """How ``amount`` is written, and what another currency than the base is worth in it."""

    unit: Literal["major", "minor"] = "major"
    decimal_comma: bool = False
    # between groups of three digits; with a decimal comma a point is one unless another is named
    thousands: Literal[",", ".", " ", "'"] | None = None
    # debits are negative in the file: drop the sign
    absolute: bool = False
    base_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    rates: dict[Annotated[str, Field(pattern="^[A-Z]{3}$")], Annotated[float, Field(gt=0)]] = {}

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.thousands == ("," if self.decimal_comma else "."):
            raise ValueError(f"thousands {self.thousands!r} is what separates the decimals: check decimal_comma")
        return self

    @model_validator(mode="after")
    def _rates_have_a_base(self) -> Self:
        if self.rates and self.base_currency is None:
            raise ValueError("rates need base_currency, the currency that they convert into")
        return self


class LabelFormat(_Part):
    """Which column says that a payment was fraud, and how many days that took to become known.

    What is none of ``fraud_values`` is no fraud; ``honest_values`` only tell a file without any fraud from a column
    that says it in other words.
    """

    column: Text
    delay_days: Annotated[float, Field(ge=0, le=3650)]
    fraud_values: tuple[Text, ...] = ("1", "true", "yes", "y", "t", "fraud")
    honest_values: tuple[Text, ...] = ("0", "false", "no", "n", "f", "honest")
    type_column: Text | None = None


class CsvFormat(_Part):
    """How a CSV file is written; without a delimiter the header decides between comma, semicolon, tab and bar."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: Text = "utf-8"


class Mapping(_Part):
    """A checked mapping file."""

    # name of the data, part of the ids that are made for rows without one; by default the name of the file
    source: Text | None = None
    columns: dict[str, Text]
    constants: dict[str, Constant] = {}
    values: dict[str, dict[str, str]] = {}
    time: TimeFormat = TimeFormat()
    amount: AmountFormat = AmountFormat()
    label: LabelFormat | None = None
    csv: CsvFormat = CsvFormat()

    @field_validator("columns", "constants", "values")
    @classmethod
    def _known_fields(cls, value: dict[str, object]) -> dict[str, object]:
        for name in value:
            if name not in FIELDS:
                raise ValueError(f"{name!r} is no field; the fields are {', '.join(FIELDS)}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in REQUIRED:
            if name not in self.columns and name not in self.constants:
                raise ValueError(f"columns.{name} is missing: name the column that holds it")
        both = sorted(set(self.columns) & set(self.constants))
        if both:
            raise ValueError(f"{both[0]!r} is both a column and a constant: keep one")
        if CARD_NUMBER in self.columns and {"card_hash", "card_bin"} & set(self.columns):
            raise ValueError("card_number makes card_hash and card_bin itself: drop those columns")
        if CARD_NUMBER in self.constants:
            raise ValueError("card_number cannot be a constant: name the column that holds it")
        return self

    @model_validator(mode="after")
    def _currencies_have_a_base(self) -> Self:
        base, constant = self.amount.base_currency, self.constants.get("currency")
        if "currency" in self.columns and base is None:
            raise ValueError(
                "columns.currency needs amount.base_currency, the currency that every amount is counted in; "
                "other currencies need a line under amount.rates"
            )
        if base is not None and constant not in (None, base, *self.amount.rates):
            raise ValueError(f"constants.currency {constant!r} has no rate into {base}: add it to amount.rates")
        return self

    def needed_columns(self) -> dict[str, str]:
        """Every column that the mapping names, with the place in the mapping that names it."""
        needed = {column: f"columns.{name}" for name, column in self.columns.items()}
        if self.label is not None:
            needed.setdefault(self.label.column, "label.column")
            if self.label.type_column is not None:
                needed.setdefault(self.label.type_column, "label.type_column")
        return needed

    def check_columns(self, present: list[str], file: str) -> None:
        """Every named column is in the file.

        Raises:
            MappingError: names the place in the mapping, the column and what the file has.
        """
        for column, place in self.needed_columns().items():
            if column not in present:
                raise MappingError(f"{place}: {file} has no column {column!r}; it has {', '.join(present)}")


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file.

    Raises:
        MappingError: names the file, the place in it, the value and what to write instead.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as broken:
        raise MappingError(f"{path} is not readable YAML: {str(broken).splitlines()[0]}") from broken
    if not isinstance(content, dict):
        raise MappingError(f"{path} is not a mapping: begin with `columns:` and one line per field")
    try:
        return Mapping.model_validate(content)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "mapping"
        message = first["msg"].removeprefix("Value error, ")
        given = first.get("input")
        shown = f" (it is {given!r})" if isinstance(given, str | int | float) else ""
        remedy = "; remove it" if first["type"] == "extra_forbidden" else ""
        raise MappingError(f"{path}: {place}: {message}{shown}{remedy}") from None
