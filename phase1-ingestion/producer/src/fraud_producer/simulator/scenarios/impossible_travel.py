"""Impossible travel: a copied card is used far away, shortly after its owner paid at home.

A part of the copies is used only a few hundred kilometres away and hours later: fast, but not impossible.
"""

import numpy as np

from fraud_producer.simulator.geography import CITIES, CITY_COUNTRY, CITY_LATITUDE, CITY_LONGITUDE, Ints, distance_km
from fraud_producer.simulator.payments import Channel, Payments
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

NEAR_SHARE = 0.2
FAR_KM = 1500.0
NEAR_KM = (250.0, 900.0)


def impossible_travel(stage: Stage, episodes: int) -> Payments:
    """One to three payments at tills of another city after an honest payment at a till."""
    rng = stage.rng
    last_start = stage.ends_us - 7 * 60 * MINUTE_US
    at_till = (stage.honest.channel == Channel.POS) & ~np.isnan(stage.honest.latitude)
    possible = np.flatnonzero(at_till & (stage.honest.event_time < last_start))
    if not len(possible):
        return stage.honest.take(possible)
    anchor = stage.honest.take(rng.choice(possible, episodes))
    near = rng.random(episodes) < NEAR_SHARE
    city = np.array(
        [
            _city(rng, float(latitude), float(longitude), bool(is_near))
            for latitude, longitude, is_near in zip(anchor.latitude, anchor.longitude, near, strict=True)
        ],
        dtype=np.int64,
    )
    delay = np.where(near, stage.minutes(100, 240, episodes), stage.minutes(6, 90, episodes))
    sizes = rng.integers(1, 4, episodes)
    pause = stage.minutes(5, 50, episodes)
    episode, step = steps(sizes)
    user = anchor.user[episode]
    event_time: Ints = anchor.event_time[episode] + delay[episode] + step * pause[episode]
    merchant = stage.shops(CITY_COUNTRY[city[episode]])
    cents = stage.usual_cents(user, merchant, rng.uniform(1.0, 3.5, len(user)))
    payments = stage.till_payments(
        episode, user, event_time, merchant, cents, CITY_LATITUDE[city[episode]], CITY_LONGITUDE[city[episode]]
    )
    payments.card = anchor.card[episode]
    return payments


def _city(rng: np.random.Generator, latitude: float, longitude: float, near: bool) -> int:
    here = np.full(len(CITIES), latitude), np.full(len(CITIES), longitude)
    away_km = distance_km(*here, CITY_LATITUDE, CITY_LONGITUDE)
    wanted = (away_km > NEAR_KM[0]) & (away_km < NEAR_KM[1]) if near else away_km > FAR_KM
    return int(rng.choice(np.flatnonzero(wanted if wanted.any() else away_km > NEAR_KM[0])))
