"""Compromised terminal: for some weeks a till or cash machine copies cards, which are then used far from it.

No payment at the terminal itself is fraud. What the victims have in common is that they are its customers.
"""

import numpy as np

from fraud_producer.simulator.circumstances import compromised_terminals
from fraud_producer.simulator.geography import CITY_COUNTRY, CITY_LATITUDE, CITY_LONGITUDE, TRAVEL_SHARES, Ints, weights
from fraud_producer.simulator.payments import Payments, join
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps


def compromised_terminal(stage: Stage, episodes: int) -> Payments:
    """Up to three customers of one terminal, each with one or two payments by a copy of his card in another city."""
    rng = stage.rng
    candidates, shares = compromised_terminals(stage.config.seed, stage.merchants, stage.day)
    favourites = stage.users.favourites if stage.chosen is None else stage.users.favourites[stage.chosen]
    visited = np.isin(candidates, favourites)
    if visited.any():
        terminals = rng.choice(candidates[visited], episodes, p=weights(shares[visited]))
    else:
        terminals = rng.choice(np.unique(favourites), episodes)
    parts = [Payments.empty()]
    for number, terminal in enumerate(terminals.tolist()):
        parts.append(_copies(stage, number, np.flatnonzero((stage.users.favourites == terminal).any(axis=1))))
    return join(parts)


def _copies(stage: Stage, number: int, customers: Ints) -> Payments:
    rng = stage.rng
    victims = rng.choice(customers, min(int(rng.integers(2, 4)), len(customers)), replace=False).astype(np.int64)
    if stage.chosen is not None:
        victims = np.unique(np.append(victims[1:], stage.chosen))
    start = stage.times_of_day(victims, margin_us=60 * MINUTE_US)
    city = rng.choice(len(TRAVEL_SHARES), len(victims), p=TRAVEL_SHARES)
    city = np.where(city == stage.users.city[victims], (city + 1) % len(TRAVEL_SHARES), city)
    victim, step = steps(rng.integers(1, 3, len(victims)))
    user = victims[victim]
    merchant = stage.shops(CITY_COUNTRY[city[victim]])
    return stage.till_payments(
        np.full(len(user), number, dtype=np.int64),
        user,
        start[victim] + step * stage.minutes(4, 45, len(user)),
        merchant,
        stage.usual_cents(user, merchant, rng.uniform(1.0, 3.0, len(user))),
        CITY_LATITUDE[city[victim]],
        CITY_LONGITUDE[city[victim]],
    )
