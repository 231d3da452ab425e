"""The time split: train, a gap as long as labels take, validation, test, and the days too young to judge."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fraud_training.errors import DataError

DAY_US = 86_400_000_000
# validation and test each take this share of the days that remain after the two stretches of label maturity
_SHARE = 0.15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(moment_us: int) -> str:
    """A moment in microseconds since 1970 as ISO-8601 UTC text."""
    return (_EPOCH + timedelta(microseconds=moment_us)).isoformat().replace("+00:00", "Z")


def microseconds(text: str) -> int:
    """The moment written by :func:`iso`, in microseconds since 1970."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Microseconds UTC; the end is not part of it."""

    start_us: int
    end_us: int

    @property
    def days(self) -> float:
        return (self.end_us - self.start_us) / DAY_US

    def as_text(self) -> dict[str, str]:
        """``{"start": …, "end": …}`` in ISO-8601."""
        return {"start": iso(self.start_us), "end": iso(self.end_us)}

    @classmethod
    def from_text(cls, text: dict[str, str]) -> "Period":
        """The inverse of :meth:`as_text`."""
        return cls(microseconds(text["start"]), microseconds(text["end"]))


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Five adjoining periods, oldest first."""

    train: Period
    gap: Period
    validation: Period
    test: Period
    maturation: Period

    @property
    def train_labels_before_us(self) -> int:
        """Moment at which this model would have been trained: only labels known before it may be used."""
        return self.gap.end_us


def plan_split(oldest_us: int, newest_us: int, maturity_days: int) -> TimeSplit:
    """Cut the events of ``[oldest_us, newest_us]`` into periods, counted back from the newest event.

    The last ``maturity_days`` are left alone because their labels are still arriving. Validation and test are whole
    days (card precision is a daily figure); training takes the rest.

    Raises:
        DataError: the events span too few days; the message says how many are needed.
    """
    span_days = (newest_us + 1 - oldest_us) / DAY_US
    usable_days = span_days - 2 * maturity_days
    held_out_days = max(1, round(usable_days * _SHARE))
    train_days = usable_days - 2 * held_out_days
    if train_days < 1:
        raise DataError(
            f"The events span {span_days:.1f} days, and training needs at least {2 * maturity_days + 3}: "
            f"twice {maturity_days} days for labels to arrive, and a day each to train, validate and test. "
            "Bring more history, or lower FRAUD_FEATURES_LABEL_MATURITY_DAYS if labels arrive sooner."
        )
    maturity_us, held_out_us = maturity_days * DAY_US, held_out_days * DAY_US
    data_end = newest_us + 1
    test_end = data_end - maturity_us
    test_start = test_end - held_out_us
    validation_start = test_start - held_out_us
    gap_start = validation_start - maturity_us
    return TimeSplit(
        train=Period(oldest_us, gap_start),
        gap=Period(gap_start, validation_start),
        validation=Period(validation_start, test_start),
        test=Period(test_start, test_end),
        maturation=Period(test_end, data_end),
    )
