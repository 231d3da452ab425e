"""Shared-device ring: one device pays for many people who have nothing else in common.

Somebody holds a stack of stolen or made-up identities and works through them. Half of the rings take the whole day, and
half hide the device behind a different address for each identity. A family shares a device too, but not with strangers.
"""

import numpy as np

from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

PATIENT_SHARE = 0.5
HIDDEN_SHARE = 0.5


def shared_device_ring(stage: Stage, episodes: int) -> Payments:
    """Three to seven users with one or two remote payments each, all from the same device."""
    rng = stage.rng
    ring, turn = steps(rng.integers(3, 8, episodes))
    member = stage.victims(len(ring))
    start = stage.start_times(member[np.searchsorted(ring, np.arange(episodes))], margin_us=11 * 60 * MINUTE_US)
    patient = rng.random(episodes) < PATIENT_SHARE
    pause = np.where(patient, stage.minutes(20, 85, episodes), stage.minutes(3, 15, episodes))
    device, address = stage.foreign_codes(episodes), stage.foreign_codes(episodes)
    hidden = rng.random(episodes) < HIDDEN_SHARE
    own_address = np.where(hidden[ring], stage.foreign_codes(len(ring)), address[ring])

    place, step = steps(rng.integers(1, 3, len(ring)))
    user = member[place]
    count = len(user)
    merchant = stage.online_merchants(count)
    moment = start[ring[place]] + (turn[place] + 0.5 * step) * pause[ring[place]] * rng.uniform(0.9, 1.1, count)
    return stage.remote_payments(
        ring[place],
        user,
        moment.astype(np.int64),
        merchant,
        stage.usual_cents(user, merchant, rng.uniform(0.8, 2.8, count)),
        device[ring[place]],
        own_address[place],
    )
