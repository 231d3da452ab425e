"""Partner abroad: one of a couple is on a trip and pays there from the account of the one who stayed at home.

It deceives "two payments at tills too far apart for the time between them" (impossible travel), for a user and for a
card: where the account has two cards the traveller has the other one with him, else the same one in his phone.
"""

import numpy as np

from fraud_producer.simulator.circumstances import whereabouts
from fraud_producer.simulator.geography import CITY_COUNTRY, CITY_LATITUDE, CITY_LONGITUDE, Ints
from fraud_producer.simulator.merchants import Mode
from fraud_producer.simulator.payments import Channel, Payments
from fraud_producer.simulator.scenarios.stage import Stage, steps


def partner_abroad(stage: Stage, episodes: int) -> Payments:
    """One or two payments at tills of the traveller's city, soon after one at a till at home."""
    rng = stage.rng
    away = whereabouts(stage.config.seed, stage.users, stage.day)
    partner = _partners(stage.users.household)
    at_home = stage.honest
    possible = np.flatnonzero(
        (at_home.channel == Channel.POS)
        & ~np.isnan(at_home.latitude)
        & (partner[at_home.user] != at_home.user)
        & (away.away(at_home.user, at_home.event_time) == -1)
        & (away.away(partner[at_home.user], at_home.event_time) >= 0)
        & (at_home.event_time < stage.ends_us - 3 * 60 * 60_000_000)
    )
    chosen = possible[rng.permutation(len(possible))[:episodes]]
    home = at_home.take(chosen)
    episode, step = steps(rng.integers(1, 3, len(chosen)))
    user = home.user[episode]
    traveller = partner[user]
    city = away.city[traveller]
    pause = stage.minutes(5, 60, len(chosen))
    shops = stage.merchants.mode == Mode.SHOP
    merchant = np.zeros(len(user), dtype=np.int64)
    for country in np.unique(CITY_COUNTRY[city]):
        rows = np.flatnonzero(CITY_COUNTRY[city] == country)
        merchant[rows] = stage.popular(shops & (stage.merchants.country == country), len(rows))
    payments = stage.till_payments(
        episode,
        user,
        home.event_time[episode] + stage.minutes(6, 90, len(chosen))[episode] + step * pause[episode],
        merchant,
        stage.usual_cents(user, merchant, np.ones(len(user))),
        CITY_LATITUDE[city],
        CITY_LONGITUDE[city],
    )
    # nobody ever issued a second card to the others
    same = stage.users.second_card_share[user] == 0
    payments.card = np.where(same, home.card[episode], 1 - home.card[episode])
    payments.device = np.where(same, stage.own_phones(traveller), 0)
    return payments


def _partners(household: Ints) -> Ints:
    """For each user somebody who lives with him, himself where he lives alone."""
    partner = household.copy()
    others = np.flatnonzero(household != np.arange(len(household)))
    partner[household[others]] = others
    return partner
