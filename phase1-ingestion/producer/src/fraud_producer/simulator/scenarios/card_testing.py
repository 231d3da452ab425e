"""Card testing: stolen card numbers are tried with small amounts online, minutes apart; what works is used.

The patient third spaces its tests over hours with amounts like a lunch.
"""

import numpy as np

from fraud_producer.simulator.payments import Payments, join
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps

PATIENT_SHARE = 0.3
CASH_IN_SHARE = 0.6


def card_testing(stage: Stage, episodes: int) -> Payments:
    """Bursts of small card-not-present payments from one foreign device, often followed by a larger one."""
    rng = stage.rng
    victim = stage.victims(episodes)
    patient = rng.random(episodes) < PATIENT_SHARE
    sizes = np.where(patient, rng.integers(2, 4, episodes), rng.integers(3, 8, episodes))
    start = stage.start_times(victim, margin_us=9 * 60 * MINUTE_US)
    device, address = stage.foreign_codes(episodes), stage.foreign_codes(episodes)

    episode, step = steps(sizes)
    pause = np.where(patient, stage.minutes(20, 110, episodes), stage.minutes(0.5, 4, episodes))
    jitter = rng.uniform(0.7, 1.3, len(episode))
    event_time = start[episode] + (step * pause[episode] * jitter).astype(np.int64)
    small = np.where(patient[episode], rng.uniform(3, 24, len(episode)), rng.uniform(0.5, 6, len(episode)))
    user = victim[episode]
    tests = stage.remote_payments(
        episode,
        user,
        event_time,
        stage.online_merchants(len(episode), cheap=True),
        np.round(small * 100).astype(np.int64),
        device[episode],
        address[episode],
    )

    lucky = np.flatnonzero(rng.random(episodes) < CASH_IN_SHARE)
    last_test = start[lucky] + (sizes[lucky] * pause[lucky] * 1.3).astype(np.int64)
    merchant = stage.online_merchants(len(lucky))
    cash_in = stage.remote_payments(
        lucky,
        victim[lucky],
        last_test + stage.minutes(5, 120, len(lucky)),
        merchant,
        stage.usual_cents(victim[lucky], merchant, rng.uniform(1.5, 4.0, len(lucky))),
        device[lucky],
        address[lucky],
    )
    return join([tests, cash_in])
