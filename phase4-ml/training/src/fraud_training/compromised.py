"""Cards that analysts had blocked already: no merit in finding them again."""

import numpy as np
from numpy.typing import NDArray

from fraud_training.dataset import Payments
from fraud_training.labels import LabelHistory
from fraud_training.split import DAY_US, Period


def day_numbers(payments: Payments, period: Period) -> NDArray[np.int64]:
    """Whole days since the period's start, shape (n,)."""
    return (payments.event_us - period.start_us) // DAY_US


def known_compromised(payments: Payments, history: LabelHistory, period: Period, since_us: int) -> NDArray[np.bool_]:
    """Which payments are of a card that was known as compromised before the day of the payment began.

    Known by the labels of payments since ``since_us`` (the start of training), as in the card precision of the *Fraud
    Detection Handbook* (Le Borgne et al. 2022, chapter 5): older frauds are of cards replaced long ago.

    Returns:
        Shape (n,).
    """
    known = np.zeros(len(payments), dtype=np.bool_)
    days = day_numbers(payments, period)
    for day in np.unique(days):
        names = history.compromised_cards(since_us, period.start_us + int(day) * DAY_US)
        compromised = np.array([name in names for name in payments.card_names], dtype=np.bool_)
        today = days == day
        known[today] = compromised[payments.cards[today]]
    return known
