"""Merchant-side fraud: a merchant charges cards for what nobody bought.

The seller knows the card data of past customers, or bought a list of them. No device of a customer takes part, exactly
as in an honest monthly charge; it is the run of strangers at a small shop that is odd.
"""

import numpy as np

from fraud_producer.simulator.circumstances import crooked_merchants
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

PRICES = (9.99, 14.99, 19.99, 24.90, 29.99, 39.00, 49.99, 69.00, 99.00)
SAME_PRICE_SHARE = 0.6


def merchant_fraud(stage: Stage, episodes: int) -> Payments:
    """Five to nine charges to different users by one small online merchant within hours, often of one price."""
    rng = stage.rng
    seller = rng.choice(crooked_merchants(stage.config.seed, stage.merchants, stage.day), episodes).astype(np.int64)
    episode, step = steps(rng.integers(5, 10, episodes))
    user = stage.victims(len(episode))
    start = stage.start_times(user[step == 0], margin_us=5 * 60 * MINUTE_US)
    merchant = seller[episode]
    same = rng.random(episodes) < SAME_PRICE_SHARE
    price = np.round(100 * rng.choice(PRICES, episodes)).astype(np.int64)
    cents = stage.usual_cents(user, merchant, rng.uniform(0.8, 1.8, len(user)))
    nothing = np.zeros(len(user), dtype=np.int64)
    payments = stage.remote_payments(
        episode,
        user,
        start[episode] + np.where(step > 0, stage.minutes(0, 240, len(user)), 0),
        merchant,
        np.where(same[episode], price[episode], cents),
        nothing,
        nothing.copy(),
    )
    payments.latitude = np.full(len(user), np.nan)
    return payments
