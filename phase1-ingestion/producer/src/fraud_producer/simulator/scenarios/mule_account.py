"""Mule account: several victims are talked into transferring money to one account, which passes it on within hours.

The mule is a customer who lent his account. Most victims pay from their own phones, as in any payment to a friend;
friends who collect for a present do the same (``transfers``), only that nobody hurries the money out of the country.
"""

import numpy as np

from fraud_producer.simulator.circumstances import mules
from fraud_producer.simulator.geography import COUNTRIES
from fraud_producer.simulator.payments import Payments, join
from fraud_producer.simulator.population import home_addresses
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

TALKED_INTO_SHARE = 0.7
ABROAD_SHARE = 0.6
KEPT = (0.03, 0.15)


def mule_account(stage: Stage, episodes: int) -> Payments:
    """Three to six transfers of different users into the mule's account, then one or two out of it."""
    rng = stage.rng
    mule = stage.some_of(mules(stage.config.seed, len(stage.users), stage.day), episodes)
    start = stage.start_times(mule, margin_us=9 * 60 * MINUTE_US)

    episode, step = steps(rng.integers(3, 7, episodes))
    victim = stage.victims(len(episode))
    victim = np.where(victim == mule[episode], (victim + 1) % len(stage.users), victim)
    cents = np.round(rng.lognormal(6.3, 0.7, len(episode)).clip(60, 9000) / 10).astype(np.int64) * 1000
    talked_into = rng.random(len(episode)) < TALKED_INTO_SHARE
    moment = start[episode] + np.where(step > 0, stage.minutes(1, 300, len(episode)), 0)
    into = stage.transfers(
        episode,
        victim,
        moment,
        cents,
        1 + mule[episode],
        stage.users.country[mule[episode]],
        np.where(talked_into, stage.own_phones(victim), stage.foreign_codes(len(episode))),
        np.where(talked_into, home_addresses(stage.users, victim), stage.foreign_codes(len(episode))),
        home_share=0.8,
    )

    gathered = np.bincount(episode, weights=cents, minlength=episodes) * (1 - rng.uniform(*KEPT, episodes))
    last = np.zeros(episodes, dtype=np.int64)
    np.maximum.at(last, episode, moment)
    out, turn = steps(rng.integers(1, 3, episodes))
    pieces = np.bincount(out, minlength=episodes)[out]
    abroad = rng.random(len(out)) < ABROAD_SHARE
    place = np.where(abroad, rng.integers(0, len(COUNTRIES), len(out)), stage.users.country[mule[out]])
    onward = stage.transfers(
        out,
        mule[out],
        last[out] + (turn + 1) * stage.minutes(5, 80, len(out)),
        np.round(gathered[out] / pieces / 1000).astype(np.int64) * 1000,
        stage.foreign_codes(len(out)),
        place,
        stage.own_phones(mule[out]),
        home_addresses(stage.users, mule[out]),
        home_share=1.0,
    )
    return join([into, onward])
