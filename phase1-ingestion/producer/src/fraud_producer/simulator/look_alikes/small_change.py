"""Small change: somebody buys songs, lives in a game or single tickets on his phone, one after another.

It deceives "a run of tiny card-not-present payments from one device" (card testing). It is his own phone, at one shop.
"""

import numpy as np

from fraud_producer.simulator.merchants import is_one_of
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.population import home_addresses
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

SHOPS = ("digital_goods", "transport")
PRICES_CENTS = (49, 79, 99, 129, 199, 299, 399, 499, 599)


def small_change(stage: Stage, episodes: int) -> Payments:
    """Three to seven payments below six, minutes apart."""
    rng = stage.rng
    buyer = stage.victims(episodes)
    start = stage.usual_times(buyer, margin_us=60 * MINUTE_US)
    pause = stage.minutes(0.3, 4, episodes)
    shop = stage.popular(is_one_of(SHOPS, stage.merchants.category), episodes)
    episode, step = steps(rng.integers(3, 8, episodes))
    user = buyer[episode]
    return stage.remote_payments(
        episode,
        user,
        start[episode] + (step * pause[episode] * rng.uniform(0.7, 1.3, len(user))).astype(np.int64),
        shop[episode],
        rng.choice(PRICES_CENTS, len(user)).astype(np.int64),
        stage.own_phones(user),
        home_addresses(stage.users, user),
        home_share=1.0,
    )
