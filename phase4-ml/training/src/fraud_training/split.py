"""The time split: train, validation, test, each followed by as many days as labels take."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fraud_training.errors import DataError

DAY_US = 86_400_000_000
# validation and test each take this share of the days that remain after the three stretches of label maturity
_SHARE = 0.2
# a day at either end counts from this share of all payments on (one in so many), and from two payments
_LEAST_SHARE_OF_A_DAY = 10_000
_LEAST_PAYMENTS_OF_A_DAY = 2
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
    """Six adjoining periods, oldest first."""

    train: Period
    train_gap: Period
    validation: Period
    validation_gap: Period
    test: Period
    maturation: Period

    @property
    def train_labels_before_us(self) -> int:
        """Moment at which this model would have been trained: only labels known before it may be used."""
        return self.train_gap.end_us

    @property
    def validation_labels_before_us(self) -> int:
        """Moment at which it would have been calibrated: nothing that the test period made known may be used."""
        return self.validation_gap.end_us


@dataclass(frozen=True, slots=True)
class Day:
    """How many payments a calendar day holds, and the first and the last of their times."""

    payments: int
    oldest_us: int
    newest_us: int


def busy_range(days: Sequence[Day]) -> Period | None:
    """From the oldest to just after the newest event, without stray days at either end; None without payments.

    A payment dated years away (a unit mistake, a test) would otherwise stretch the periods over years without data. A
    day at an end is stray when it holds one payment or less than 0.01 % of all; the first that is not ends the search.

    Args:
        days: the days that hold payments, in any order.
    """
    total = sum(day.payments for day in days)
    least = max(_LEAST_PAYMENTS_OF_A_DAY, total / _LEAST_SHARE_OF_A_DAY)
    ordered = sorted(days, key=lambda day: day.oldest_us)
    busy = [day for day in ordered if day.payments >= least] or ordered
    return Period(busy[0].oldest_us, busy[-1].newest_us + 1) if busy else None


def plan_split(oldest_us: int, newest_us: int, maturity_days: int) -> TimeSplit:
    """Cut the events of ``[oldest_us, newest_us]`` into periods, counted back from the newest event.

    After each period lie ``maturity_days`` in which its labels arrive: those after training and validation keep what
    a later period made known out of them, the last are too young to judge. Validation and test are whole days (card
    precision is a daily figure); training takes the rest.

    Raises:
        DataError: the events span too few days; the message says how many are needed.
    """
    span_days = (newest_us + 1 - oldest_us) / DAY_US
    usable_days = span_days - 3 * maturity_days
    held_out_days = max(1, round(usable_days * _SHARE))
    train_days = usable_days - 2 * held_out_days
    if train_days < 1:
        raise DataError(
            f"The events span {span_days:.1f} days, and training needs at least {3 * maturity_days + 3}: "
            f"three times {maturity_days} days for labels to arrive, and a day each to train, validate and test. "
            "Bring more history, or lower FRAUD_FEATURES_LABEL_MATURITY_DAYS if labels arrive sooner."
        )
    maturity_us, held_out_us = maturity_days * DAY_US, held_out_days * DAY_US
    data_end = newest_us + 1
    test_end = data_end - maturity_us
    test_start = test_end - held_out_us
    validation_end = test_start - maturity_us
    validation_start = validation_end - held_out_us
    train_end = validation_start - maturity_us
    return TimeSplit(
        train=Period(oldest_us, train_end),
        train_gap=Period(train_end, validation_start),
        validation=Period(validation_start, validation_end),
        validation_gap=Period(validation_end, test_start),
        test=Period(test_start, test_end),
        maturation=Period(test_end, data_end),
    )
