"""Card-not-present spike: copied card data of somebody who hardly buys online is spent at one site after another.

The thief checks out as a guest from changing addresses, half of the time without a device to be recognised. The careful
third buys three or four ordinary things over an afternoon.
"""

import numpy as np

from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

CAREFUL_SHARE = 0.35
GUEST_SHARE = 0.5


def card_not_present_spike(stage: Stage, episodes: int) -> Payments:
    """Five to ten remote payments within about an hour, or three to four within an afternoon."""
    rng = stage.rng
    rarely_online = (1.0 - stage.users.online) ** 4 * np.sqrt(stage.users.activity)
    victim = stage.drawn(np.arange(len(stage.users)), episodes, rarely_online)
    careful = rng.random(episodes) < CAREFUL_SHARE
    guest = rng.random(episodes) < GUEST_SHARE
    sizes = np.where(careful, rng.integers(3, 5, episodes), rng.integers(5, 11, episodes))
    start = stage.start_times(victim, margin_us=8 * 60 * MINUTE_US)
    pause = np.where(careful, stage.minutes(30, 100, episodes), stage.minutes(2, 12, episodes))
    device = np.where(guest, 0, stage.foreign_codes(episodes))
    episode, step = steps(sizes)
    user = victim[episode]
    count = len(user)
    merchant = stage.online_merchants(count)
    factor = np.where(careful[episode], rng.uniform(0.8, 2.0, count), rng.lognormal(0.5, 0.6, count))
    return stage.remote_payments(
        episode,
        user,
        start[episode] + (step * pause[episode] * rng.uniform(0.7, 1.3, count)).astype(np.int64),
        merchant,
        stage.usual_cents(user, merchant, factor),
        device[episode],
        stage.foreign_codes(count),
    )
