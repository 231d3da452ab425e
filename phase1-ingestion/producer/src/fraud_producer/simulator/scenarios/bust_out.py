"""Bust-out: a customer spends more and more for weeks, always pays, and one day takes all that his limit allows.

He uses his own card, phone and home. The weeks before (``circumstances.rising_spenders``) are honest payments, and most
who spend more and more never bust out.
"""

import numpy as np

from fraud_producer.simulator.circumstances import rising_spenders
from fraud_producer.simulator.payments import Payments, join
from fraud_producer.simulator.population import home_addresses
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

AT_TILL_SHARE = 0.6


def bust_out(stage: Stage, episodes: int) -> Payments:
    """Five to nine large payments in a row by one customer, at tills near his home and online from his own phone."""
    rng = stage.rng
    _, near_the_top = rising_spenders(stage.config.seed, len(stage.users), stage.day)
    customer = stage.some_of(near_the_top, episodes)
    start = stage.start_times(customer, margin_us=7 * 60 * MINUTE_US)
    pause = stage.minutes(6, 40, episodes)
    episode, step = steps(rng.integers(5, 10, episodes))
    user = customer[episode]
    count = len(user)
    moment = start[episode] + (step * pause[episode] * rng.uniform(0.8, 1.2, count)).astype(np.int64)
    factor = rng.lognormal(1.3, 0.5, count)
    at_till = rng.random(count) < AT_TILL_SHARE
    shop, remote = np.flatnonzero(at_till), np.flatnonzero(~at_till)
    store = stage.shops(stage.users.country[user[shop]])
    site = stage.online_merchants(len(remote))
    return join(
        [
            stage.till_payments(
                episode[shop],
                user[shop],
                moment[shop],
                store,
                stage.usual_cents(user[shop], store, factor[shop]),
                stage.users.latitude[user[shop]],
                stage.users.longitude[user[shop]],
            ),
            stage.remote_payments(
                episode[remote],
                user[remote],
                moment[remote],
                site,
                stage.usual_cents(user[remote], site, factor[remote]),
                stage.own_phones(user[remote]),
                home_addresses(stage.users, user[remote]),
                home_share=1.0,
            ),
        ]
    )
