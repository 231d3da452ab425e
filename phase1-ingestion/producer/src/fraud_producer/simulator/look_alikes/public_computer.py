"""Public computer: people of one town pay from the same machine in a hotel's lobby, a library or an office.

It deceives "three people on one device" (shared-device ring), "one address pays for several households" (brute-force
logins) and "a new device and a large card-not-present payment" (account takeover): some of them book a trip for
their families.
"""

import numpy as np

from fraud_producer.simulator.geography import Ints
from fraud_producer.simulator.merchants import Mode, is_one_of
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

MACHINES = 200
# Above all codes of people's own devices and connections, below those of fraudsters.
FIRST_CODE = 1 << 38
TRIP_SHARE = 0.5
TRIPS = ("travel_agency", "airline", "hotel")


def public_computer(stage: Stage, episodes: int) -> Payments:
    """Three to six users of one town with a remote payment each within hours, from one device and address."""
    rng = stage.rng
    episode, turn = steps(rng.integers(3, 7, episodes))
    user = _townspeople(stage, episode, episodes)
    count = len(user)
    start = stage.usual_times(user[turn == 0], margin_us=9 * 60 * MINUTE_US)
    pause = stage.minutes(15, 80, episodes)
    online = stage.merchants.mode == Mode.ONLINE
    books = rng.random(count) < TRIP_SHARE
    trips = is_one_of(TRIPS, stage.merchants.category) & (online | (stage.merchants.mode == Mode.BOTH))
    merchant = np.where(books, stage.popular(trips, count), stage.popular(online, count))
    machine = FIRST_CODE + rng.integers(0, MACHINES, episodes)
    return stage.remote_payments(
        episode,
        user,
        start[episode] + (turn * pause[episode] * rng.uniform(0.9, 1.1, count)).astype(np.int64),
        merchant,
        stage.usual_cents(user, merchant, np.where(books, rng.uniform(1.5, 4.0, count), 1.0)),
        machine[episode],
        machine[episode],
        home_share=1.0,
    )


def _townspeople(stage: Stage, episode: Ints, episodes: int) -> Ints:
    """For each payment of these episodes a user; those of one episode live in the same town."""
    user = np.zeros(len(episode), dtype=np.int64)
    for number, first in enumerate(stage.victims(episodes).tolist()):
        town = np.flatnonzero(stage.users.city == stage.users.city[first])
        rows = np.flatnonzero(episode == number)
        user[rows] = stage.rng.choice(town, len(rows), replace=len(town) < len(rows))
    return user
