"""Compromised merchant: for some weeks a merchant's stored cards are abused at that merchant, one payment each.

A single payment tells little; what helps is that earlier victims of the same merchant have complained by then.
"""

import numpy as np

from fraud_producer.simulator.circumstances import compromised_merchants
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import Stage, steps

FOREIGN_DEVICE_SHARE = 0.65


def compromised_merchant(stage: Stage, episodes: int) -> Payments:
    """Two to five card-not-present payments of different victims at one merchant that is compromised on this day."""
    rng = stage.rng
    candidates, shares = compromised_merchants(stage.config.seed, stage.merchants, stage.day)
    if not len(candidates):
        candidates, shares = stage.online_merchants(1), np.ones(1)
    seller = rng.choice(candidates, episodes, p=shares).astype(np.int64)
    episode, _ = steps(rng.integers(2, 6, episodes))
    count = len(episode)
    user = stage.victims(count)
    merchant = seller[episode]
    foreign = rng.random(count) < FOREIGN_DEVICE_SHARE
    return stage.remote_payments(
        episode,
        user,
        stage.times_of_day(user, margin_us=1),
        merchant,
        stage.usual_cents(user, merchant, rng.uniform(1.0, 3.0, count)),
        np.where(foreign, stage.foreign_codes(count), stage.own_phones(user)),
        stage.foreign_codes(count),
        home_share=0.6,
    )
