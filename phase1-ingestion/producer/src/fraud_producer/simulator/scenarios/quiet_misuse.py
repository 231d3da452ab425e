"""Quiet misuse: one ordinary-looking payment by somebody close to the victim. Hardly anything gives it away."""

import numpy as np

from fraud_producer.simulator.behaviour import pay
from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import Stage


def quiet_misuse(stage: Stage, episodes: int) -> Payments:
    """Single payments drawn like honest ones, somewhat larger."""
    user = stage.victims(episodes)
    payments = pay(
        stage.rng,
        stage.config,
        stage.users,
        stage.merchants,
        stage.day,
        user,
        stage.start_times(user, margin_us=1),
    )
    payments.cents = np.round(payments.cents * stage.rng.uniform(1.5, 6.0, episodes)).astype(np.int64)
    payments.episode = np.arange(episodes, dtype=np.int64)
    return payments
