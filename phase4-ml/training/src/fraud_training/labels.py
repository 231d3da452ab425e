"""Labels as they were known at a moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Label(NamedTuple):
    """One statement about one transaction; ``label_id`` breaks a tie of known times."""

    transaction_id: str
    known_us: int
    label_id: str
    is_fraud: bool
    fraud_type: str | None = None
    """Kind of fraud, where its sender knows one."""
    event_us: int | None = None
    """When the payment happened; None while there is no such payment."""
    card: str | None = None
    """Its card, or its user where it names no card; None while there is no such payment."""


@dataclass(frozen=True, slots=True)
class LabelHistory:
    """Every label ever received, corrections included."""

    labels: tuple[Label, ...]

    @classmethod
    def of(cls, labels: Iterable[Label]) -> "LabelHistory":
        """Keep the labels in one order, whatever order they were read in."""
        return cls(tuple(sorted(labels, key=lambda label: (label.known_us, label.label_id, label.transaction_id))))

    @property
    def newest_known_us(self) -> int | None:
        """Known time of the newest label, or None without labels."""
        return self.labels[-1].known_us if self.labels else None

    def frauds(self, transaction_ids: Sequence[str], known_before_us: int) -> NDArray[np.bool_]:
        """Which transactions were known as fraud before a moment.

        The latest label known strictly before the moment counts, so a correction overrules what it corrects. A
        transaction without one counts as legitimate, which is only right once its labels had time to arrive: the
        split sees to that.

        Returns:
            A boolean per transaction id, in their order.
        """
        state = self._in_force(known_before_us)
        known = (state.get(name) for name in transaction_ids)
        return np.fromiter(
            (label is not None and label.is_fraud for label in known), dtype=np.bool_, count=len(transaction_ids)
        )

    def frauds_within(
        self, transaction_ids: Sequence[str], event_us: NDArray[np.int64], delay_us: int
    ) -> NDArray[np.bool_]:
        """Which transactions were known as fraud so many microseconds after each of them.

        Args:
            transaction_ids: n of them.
            event_us: when each happened, shape (n,).
            delay_us: a label known at exactly this distance comes too late.

        Returns:
            Shape (n,).
        """
        until = {name: int(moment) + delay_us for name, moment in zip(transaction_ids, event_us, strict=True)}
        state: dict[str, bool] = {}
        for label in self.labels:
            if label.known_us < until.get(label.transaction_id, label.known_us):
                state[label.transaction_id] = label.is_fraud
        return np.fromiter((state.get(name, False) for name in transaction_ids), np.bool_, count=len(transaction_ids))

    def fraud_types(self, transaction_ids: Sequence[str], known_before_us: int) -> list[str | None]:
        """The kind of fraud that the label in force names, per transaction; None without a kind or a fraud."""
        state = self._in_force(known_before_us)
        known = (state.get(name) for name in transaction_ids)
        return [label.fraud_type if label is not None and label.is_fraud else None for label in known]

    def compromised_cards(self, since_us: int, known_before_us: int) -> frozenset[str]:
        """Cards with a payment since a moment that was known as fraud before another."""
        return frozenset(
            label.card
            for label in self._in_force(known_before_us).values()
            if label.is_fraud and label.card is not None and label.event_us is not None and label.event_us >= since_us
        )

    def _in_force(self, known_before_us: int) -> dict[str, Label]:
        """The latest label of each transaction known strictly before a moment."""
        state: dict[str, Label] = {}
        for label in self.labels:
            if label.known_us >= known_before_us:
                break
            state[label.transaction_id] = label
        return state
