"""Payments with their feature vectors, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud_training.errors import DataError
from fraud_training.labels import LabelHistory


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments of one period, oldest first; every field has one entry per payment."""

    transaction_ids: tuple[str, ...]
    event_us: NDArray[np.int64]
    cards: NDArray[np.int64]
    """Number of the card, or of the user where the payment names no card."""
    vectors: NDArray[np.float32]
    """Shape (payments, features), in the order of ``fraud_features.FEATURE_NAMES``."""
    card_names: tuple[str, ...]
    """The card, or the user, behind each number of ``cards``."""

    def __len__(self) -> int:
        return len(self.transaction_ids)

    @classmethod
    def ordered(
        cls,
        transaction_ids: Sequence[str],
        event_us: NDArray[np.int64],
        cards: Sequence[str],
        vectors: NDArray[np.float32],
    ) -> "Payments":
        """Order by event time, then id, so that the order of reading never shows in a model.

        Raises:
            DataError: a vector holds NaN or an infinite value, which no engine treats alike.
        """
        if not np.isfinite(vectors).all():
            raise DataError(
                "A feature vector holds NaN or an infinite value; a missing value must be an explicit number."
            )
        order = sorted(range(len(transaction_ids)), key=lambda row: (event_us[row], transaction_ids[row]))
        names = tuple(sorted(set(cards)))
        number_of = {card: number for number, card in enumerate(names)}
        rows = np.array(order, dtype=np.intp)
        return cls(
            transaction_ids=tuple(transaction_ids[row] for row in order),
            event_us=event_us[rows],
            cards=np.array([number_of[cards[row]] for row in order], dtype=np.int64),
            vectors=np.ascontiguousarray(vectors[rows]),
            card_names=names,
        )


@dataclass(frozen=True, slots=True)
class Examples:
    """Payments with what is taken to be true of them."""

    payments: Payments
    frauds: NDArray[np.bool_]

    @classmethod
    def labelled(cls, payments: Payments, history: LabelHistory, known_before_us: int) -> "Examples":
        """Payments with what was known of them before a moment."""
        return cls(payments, history.frauds(payments.transaction_ids, known_before_us))

    def require(self, name: str, least_frauds: int) -> "Examples":
        """These examples, if there is something to learn from them.

        Raises:
            DataError: too few frauds or no legitimate payment; the message names the period.
        """
        frauds, total = int(self.frauds.sum()), len(self.payments)
        if frauds < least_frauds:
            raise DataError(
                f"The {name} period holds {frauds} known frauds in {total} payments and needs {least_frauds}. "
                "Bring more history or more labels, or check that labels name existing transaction ids."
            )
        if frauds == total:
            raise DataError(
                f"The {name} period holds no legitimate payment. Only frauds were given; bring all payments."
            )
        return self
