"""What happened in a day's fraud, one row per episode: what other kinds of events are told around."""

from dataclasses import dataclass

import numpy as np

from fraud_producer.simulator.geography import Ints
from fraud_producer.simulator.payments import Payments


@dataclass(frozen=True, slots=True)
class Episodes:
    """Columns of equal length, in the order of the episodes' numbers, which are not always without gaps.

    ``number`` is what the payments carry in their column ``episode``, and ``scenario`` what they carry in theirs.
    ``victim``, ``merchant``, ``device`` and ``address`` are those of the episode's first payment, as positions and
    codes; scenarios with several victims or merchants have the others in their payments (``rows``). ``begins_us`` and
    ``ends_us`` are the moments of the first and the last payment, ``payments`` their count.
    """

    ids: list[str]
    number: Ints
    scenario: Ints
    victim: Ints
    begins_us: Ints
    ends_us: Ints
    merchant: Ints
    device: Ints
    address: Ints
    payments: Ints

    def __len__(self) -> int:
        return len(self.ids)


def episodes_of(prefix: str, payments: Payments) -> Episodes:
    """The episodes of payments in the order of time; ids are ``<prefix>-0001`` and so on, by their number."""
    fraud = np.flatnonzero(payments.episode)
    number, where, count = np.unique(payments.episode[fraud], return_index=True, return_counts=True)
    first = fraud[where]
    ends = np.zeros(len(number), dtype=np.int64)
    np.maximum.at(ends, np.searchsorted(number, payments.episode[fraud]), payments.event_time[fraud])
    return Episodes(
        ids=[f"{prefix}-{each:04d}" for each in number.tolist()],
        number=number,
        scenario=payments.scenario[first],
        victim=payments.user[first],
        begins_us=payments.event_time[first],
        ends_us=ends,
        merchant=payments.merchant[first],
        device=payments.device[first],
        address=payments.address[first],
        payments=count.astype(np.int64),
    )


def rows(payments: Payments, number: int) -> Ints:
    """Positions of the payments of one episode, in the order of time."""
    return np.flatnonzero(payments.episode == number)
