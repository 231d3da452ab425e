"""The folds of a backtest: train, wait for labels, test, and the same again some days later."""

from dataclasses import dataclass

from fraud_training.errors import DataError
from fraud_training.split import DAY_US, Period, iso

DEFAULT_FOLDS = 4


@dataclass(frozen=True, slots=True)
class Lengths:
    """Whole days of each part of a fold."""

    train_days: int = 7
    delay_days: int = 7
    """Days between training and test, in which labels arrive; the labels of the test days get as many."""
    test_days: int = 7

    @property
    def fold_days(self) -> int:
        return self.train_days + self.delay_days + self.test_days


@dataclass(frozen=True, slots=True)
class Fold:
    """Two periods of whole days with the delay between them."""

    train: Period
    test: Period

    @property
    def train_labels_before_us(self) -> int:
        """The fold's cut-off: the model is fitted when the first test day begins, with what is known then."""
        return self.test.start_us


def plan_folds(
    span: Period, known_until_us: int, lengths: Lengths, first_day_us: int | None = None, folds: int | None = None
) -> list[Fold]:
    """Folds one after the other, each ``test_days`` after the one before, oldest first.

    Their test periods adjoin and do not overlap. The last test day is old enough that its labels had ``delay_days``
    to arrive.

    Args:
        span: from the oldest to just after the newest payment.
        known_until_us: just after the newest payment or label, whichever is later.
        lengths: whole days of each part.
        first_day_us: midnight at which the first fold's training begins; None takes the newest folds there are.
        folds: how many; None takes up to :data:`DEFAULT_FOLDS`.

    Raises:
        DataError: there are fewer days than that needs; the message says how many folds there are days for.
    """
    oldest = span.start_us // DAY_US * DAY_US
    last = min(_nearest_midnight(span.end_us), _nearest_midnight(known_until_us - lengths.delay_days * DAY_US))
    begin = oldest if first_day_us is None else first_day_us
    if begin < oldest:
        raise DataError(f"--from {iso(begin)[:10]} lies before the first payment: name {iso(oldest)[:10]} or later.")
    room = last - begin - lengths.fold_days * DAY_US
    available = room // (lengths.test_days * DAY_US) + 1 if room >= 0 else 0
    wanted = folds or min(DEFAULT_FOLDS, max(1, available))
    if available < wanted:
        needed = lengths.fold_days + (wanted - 1) * lengths.test_days + lengths.delay_days
        raise DataError(
            f"{wanted} fold{'s' if wanted > 1 else ''} of {lengths.train_days} days of training, {lengths.delay_days} "
            f"of delay and {lengths.test_days} of test need {needed} days of payments and labels from "
            f"{iso(begin)[:10]} on, and there are {max(0, (known_until_us - begin) / DAY_US):.1f}: enough for "
            f"{available}. Ask for fewer --folds or shorter periods, begin earlier, or bring more history."
        )
    step = lengths.test_days * DAY_US
    if first_day_us is None:
        begin = last - lengths.fold_days * DAY_US - (wanted - 1) * step
    return [_fold(begin + number * step, lengths) for number in range(wanted)]


def _fold(begin_us: int, lengths: Lengths) -> Fold:
    test_start = begin_us + (lengths.train_days + lengths.delay_days) * DAY_US
    return Fold(
        train=Period(begin_us, begin_us + lengths.train_days * DAY_US),
        test=Period(test_start, test_start + lengths.test_days * DAY_US),
    )


def _nearest_midnight(moment_us: int) -> int:
    """A day that is over but for a few hours counts as a day."""
    return (moment_us + DAY_US // 2) // DAY_US * DAY_US
