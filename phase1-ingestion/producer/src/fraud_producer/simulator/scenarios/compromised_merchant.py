"""Compromised merchant: for some weeks a merchant's stored cards are abused at that merchant, one payment each.

A single payment tells little; what helps is that earlier victims of the same merchant have complained by then.
"""

import numpy as np

from fraud_producer.simulator.circumstances import compromised_merchants
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import Stage

FOREIGN_DEVICE_SHARE = 0.65


def compromised_merchant(stage: Stage, episodes: int) -> Payments:
    """Single card-not-present payments of different victims at the merchants compromised on this day."""
    rng = stage.rng
    candidates, shares = compromised_merchants(stage.config.seed, stage.merchants, stage.day)
    count = episodes if len(candidates) else 0
    merchant = rng.choice(candidates, count, p=shares).astype(np.int64) if count else np.zeros(0, dtype=np.int64)
    user = stage.victims(count)
    foreign = rng.random(count) < FOREIGN_DEVICE_SHARE
    return stage.remote_payments(
        user,
        stage.start_times(user, margin_us=1),
        merchant,
        stage.usual_cents(user, merchant, rng.uniform(1.0, 3.0, count)),
        np.where(foreign, stage.foreign_codes(count), stage.own_phones(user)),
        stage.foreign_codes(count),
        home_share=0.6,
    )
