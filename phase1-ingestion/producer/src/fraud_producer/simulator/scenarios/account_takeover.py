"""Account takeover: somebody signs in as the victim and buys without the card, mostly from a device never seen before.

About a quarter works through the victim's own phone (remote access) and pays once or twice: no new device to be seen.
"""

import numpy as np

from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

REMOTE_ACCESS_SHARE = 0.25


def account_takeover(stage: Stage, episodes: int) -> Payments:
    """One to five card-not-present payments within hours, of a device and address that the victim never used."""
    rng = stage.rng
    victim = stage.victims(episodes)
    quiet = rng.random(episodes) < REMOTE_ACCESS_SHARE
    sizes = np.where(quiet, rng.integers(1, 3, episodes), rng.integers(2, 6, episodes))
    start = stage.start_times(victim, margin_us=9 * 60 * MINUTE_US)
    pause = stage.minutes(6, 90, episodes)
    own, foreign = stage.own_phones(victim), stage.foreign_codes(episodes)
    device = np.where(quiet, own, foreign)
    address = stage.foreign_codes(episodes)
    episode, step = steps(sizes)
    user = victim[episode]
    merchant = stage.online_merchants(len(user))
    factor = np.where(quiet[episode], rng.uniform(1.0, 3.0, len(user)), rng.lognormal(1.0, 0.5, len(user)))
    return stage.remote_payments(
        episode,
        user,
        start[episode] + (step * pause[episode] * rng.uniform(0.6, 1.2, len(user))).astype(np.int64),
        merchant,
        stage.usual_cents(user, merchant, factor),
        device[episode],
        address[episode],
    )
