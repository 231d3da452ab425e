"""Structuring: a sum that would have to be reported is sent in pieces, each just under the threshold.

The account holder does it himself, from his own phone and home. Honest people send large sums too, some of them just
below the same limit (``transfers``), and a tradesperson sends several on one day (``look_alikes.supplier_invoices``);
what gives it away is that somebody who never did so sends several to the same one or two accounts.
"""

import numpy as np

from fraud_producer.simulator.geography import COUNTRIES
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.population import home_addresses
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

BAND = (0.9, 1.0)
ABROAD_SHARE = 0.4


def structuring(stage: Stage, episodes: int) -> Payments:
    """Three to five transfers within hours, each from 90 % of ``structuring_threshold`` to just below it."""
    rng = stage.rng
    holder = stage.victims(episodes)
    start = stage.start_times(holder, margin_us=10 * 60 * MINUTE_US)
    pause = stage.minutes(25, 110, episodes)
    accounts = np.stack([stage.foreign_codes(episodes), stage.foreign_codes(episodes)], axis=1)
    two = rng.random(episodes) < 0.4
    abroad = rng.random(episodes) < ABROAD_SHARE
    place = np.where(abroad, rng.integers(0, len(COUNTRIES), episodes), stage.users.country[holder])
    episode, step = steps(rng.integers(3, 6, episodes))
    user = holder[episode]
    # whole thousandths of the threshold, as people choose amounts
    low, high = (round(1000 * bound) for bound in BAND)
    thousandths = rng.integers(low, high, len(user))
    limit_cents = stage.config.structuring_threshold * 100
    return stage.transfers(
        episode,
        user,
        start[episode] + (step * pause[episode] * rng.uniform(0.7, 1.2, len(user))).astype(np.int64),
        np.ceil(limit_cents * thousandths / 1000).astype(np.int64),
        accounts[episode, np.where(two[episode], step % 2, 0)],
        place[episode],
        stage.own_phones(user),
        home_addresses(stage.users, user),
        home_share=1.0,
    )
