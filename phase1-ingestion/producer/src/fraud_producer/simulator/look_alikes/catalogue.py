"""Which look-alikes there are, and how often each happens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from fraud_producer.simulator.look_alikes.partner_abroad import partner_abroad
from fraud_producer.simulator.look_alikes.public_computer import public_computer
from fraud_producer.simulator.look_alikes.small_change import small_change
from fraud_producer.simulator.look_alikes.supplier_invoices import supplier_invoices
from fraud_producer.simulator.payments import Payments, join
from fraud_producer.simulator.scenarios import Stage


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Something honest that looks like an episode of fraud; ``per_payment`` is episodes per payment of the day.

    ``play`` makes as many episodes as asked for, fewer where there is nobody to do it.
    """

    name: str
    per_payment: float
    play: Callable[[Stage, int], Payments]


# About as many as a world with one fraud in a hundred payments has episodes that the same rule finds.
LOOK_ALIKES: Final = (
    LookAlike("supplier_invoices", 0.55 / 5000, supplier_invoices),
    LookAlike("small_change", 0.75 / 5000, small_change),
    LookAlike("public_computer", 0.5 / 5000, public_computer),
    LookAlike("partner_abroad", 2.5 / 5000, partner_abroad),
)


def honest_look_alikes(stage: Stage, factor: float) -> Payments:
    """The day's look-alikes, unordered; ``factor`` is how busy the day is.

    How many there are depends on the payments of a day and not on the fraud rate. They are two payments in a thousand,
    so they come on top of what was asked for.
    """
    expected = [each.per_payment * stage.config.transactions_per_day * factor for each in LOOK_ALIKES]
    # all counts are drawn before anything else, so that what one look-alike draws changes no other's number
    episodes = stage.rng.poisson(expected).tolist()
    payments = join([each.play(stage, count) for each, count in zip(LOOK_ALIKES, episodes, strict=True)])
    payments.episode = np.zeros(len(payments), dtype=np.int64)
    return payments
