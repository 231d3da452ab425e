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
        state: dict[str, bool] = {}
        for label in self.labels:
            if label.known_us >= known_before_us:
                break
            state[label.transaction_id] = label.is_fraud
        return np.fromiter(
            (state.get(key, False) for key in transaction_ids), dtype=np.bool_, count=len(transaction_ids)
        )
