"""Velocity burst: a stolen card is spent at tills near its owner's home before it is blocked.

The careful ones buy two or three ordinary things over an afternoon, much like an honest shopping trip.
"""

import numpy as np

from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

CAREFUL_SHARE = 0.3


def velocity_burst(stage: Stage, episodes: int) -> Payments:
    """Four to eight card-present payments within about an hour, or two to three within an afternoon."""
    rng = stage.rng
    victim = stage.victims(episodes)
    careful = rng.random(episodes) < CAREFUL_SHARE
    sizes = np.where(careful, rng.integers(2, 4, episodes), rng.integers(4, 9, episodes))
    start = stage.start_times(victim, margin_us=6 * 60 * MINUTE_US)
    pause = np.where(careful, stage.minutes(25, 85, episodes), stage.minutes(2, 10, episodes))
    episode, step = steps(sizes)
    user = victim[episode]
    event_time = start[episode] + (step * pause[episode] * rng.uniform(0.6, 1.4, len(user))).astype(np.int64)
    merchant = stage.shops(stage.users.country[user])
    factor = np.where(careful[episode], rng.uniform(1.0, 2.2, len(user)), rng.uniform(1.5, 5.0, len(user)))
    cents = stage.usual_cents(user, merchant, factor)
    return stage.till_payments(
        episode, user, event_time, merchant, cents, stage.users.latitude[user], stage.users.longitude[user]
    )
