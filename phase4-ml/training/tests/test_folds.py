import pytest

from fraud_training.errors import DataError
from fraud_training.folds import DEFAULT_FOLDS, Fold, Lengths, plan_folds
from fraud_training.split import DAY_US, Period

WEEKS = Lengths(7, 7, 7)
HOUR_US = DAY_US // 24


def days(fold: Fold) -> tuple[float, float, float, float]:
    moments = (fold.train.start_us, fold.train.end_us, fold.test.start_us, fold.test.end_us)
    return tuple(moment / DAY_US for moment in moments)  # type: ignore[return-value]


def plan(until: float, *, first: int | None = None, folds: int | None = None, known: float | None = None) -> list[Fold]:
    span = Period(5 * HOUR_US, round(until * DAY_US))
    first_us = None if first is None else first * DAY_US
    return plan_folds(span, round((known or until) * DAY_US), WEEKS, first_us, folds)


def test_the_newest_folds_are_taken_and_their_labels_had_time() -> None:
    # 60 days; the labels of the last test day, which ends at day 53, had seven days
    assert [days(fold) for fold in plan(60)] == [
        (11, 18, 25, 32),
        (18, 25, 32, 39),
        (25, 32, 39, 46),
        (32, 39, 46, 53),
    ]
    assert len(plan(60)) == DEFAULT_FOLDS
    assert len(plan(60, folds=5)) == 5


def test_labels_known_after_the_last_payment_let_the_last_days_be_judged() -> None:
    assert days(plan(60, known=67, folds=1)[0]) == (39, 46, 53, 60)
    assert days(plan(60, known=99, folds=1)[0]) == (39, 46, 53, 60)


def test_folds_begin_where_they_are_told_to() -> None:
    assert [days(fold) for fold in plan(60, first=10, folds=2)] == [(10, 17, 24, 31), (17, 24, 31, 38)]
    assert [fold.train_labels_before_us for fold in plan(60, first=10, folds=2)] == [24 * DAY_US, 31 * DAY_US]


def test_without_a_number_as_many_as_there_are_days_for() -> None:
    assert len(plan(28)) == 1
    assert len(plan(40)) == 2
    # a day that is over but for a few hours counts
    assert len(plan(27.9)) == 1


@pytest.mark.parametrize(
    ("until", "first", "folds", "message"),
    [
        (
            27,
            None,
            None,
            r"^1 fold of 7 days .* need 28 days .* from 1970-01-01 on, and there are 27.0: enough for 0\.",
        ),
        (60, None, 6, r"^6 folds .* need 63 days .* there are 60.0: enough for 5\. Ask for fewer --folds"),
        (60, 30, 2, r"^2 folds .* from 1970-01-31 on, and there are 30.0: enough for 1\."),
        (60, 90, None, r"there are 0.0: enough for 0"),
        (60, -1, None, r"--from 1969-12-31 lies before the first payment: name 1970-01-01 or later"),
    ],
)
def test_too_few_days_is_one_sentence_with_the_remedy(
    until: float, first: int | None, folds: int | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        plan(until, first=first, folds=folds)
