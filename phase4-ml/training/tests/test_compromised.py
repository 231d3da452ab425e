import numpy as np
import pytest

from fraud_training.compromised import known_compromised
from fraud_training.dataset import Payments
from fraud_training.labels import Label, LabelHistory
from fraud_training.split import DAY_US, Period

TEST = Period(10 * DAY_US, 12 * DAY_US)
HOUR_US = DAY_US // 24


def label(known_us: int, *, is_fraud: bool = True, event_us: int = 5 * DAY_US, number: int = 1) -> Label:
    return Label("earlier", known_us, f"l{number}", is_fraud, None, event_us, "stolen")


def known(*labels: Label) -> list[tuple[str, bool]]:
    """Two days with a payment of each of two cards: who is known before which day."""
    payments = Payments.ordered(
        ["a", "b", "c", "d"],
        np.array([10 * DAY_US + HOUR_US, 10 * DAY_US + 2 * HOUR_US, 11 * DAY_US, 11 * DAY_US + 23 * HOUR_US]),
        ["stolen", "honest", "stolen", "honest"],
        np.zeros((4, 1), dtype=np.float32),
    )
    mask = known_compromised(payments, LabelHistory.of(labels), TEST, since_us=3 * DAY_US)
    return list(zip(payments.transaction_ids, mask.tolist(), strict=True))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        # known the day before the test period
        ([label(9 * DAY_US)], {"a", "c"}),
        # known on the first test day: before the second, not before the first, whatever the hour
        ([label(10 * DAY_US)], {"c"}),
        ([label(10 * DAY_US + 1)], {"c"}),
        ([label(11 * DAY_US)], set()),
        # cleared again before the first day, or only on it
        ([label(8 * DAY_US), label(9 * DAY_US, is_fraud=False, number=2)], set()),
        ([label(8 * DAY_US), label(10 * DAY_US, is_fraud=False, number=2)], {"a"}),
        # a fraud of before training began is of a card that was replaced
        ([label(9 * DAY_US, event_us=3 * DAY_US - 1)], set()),
        ([label(9 * DAY_US, event_us=3 * DAY_US)], {"a", "c"}),
        ([], set()),
    ],
)
def test_a_card_is_known_from_the_day_after_its_label(labels: list[Label], expected: set[str]) -> None:
    assert {name for name, is_known in known(*labels) if is_known} == expected


def test_a_label_without_its_payment_says_nothing_of_a_card() -> None:
    assert not any(is_known for _, is_known in known(Label("elsewhere", 0, "l", True)))
