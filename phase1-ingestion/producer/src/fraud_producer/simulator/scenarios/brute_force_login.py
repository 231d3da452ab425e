"""Brute-force logins: one address tries passwords against many accounts, and pays from those that open.

The tries themselves are logins, told by whoever tells logins around an episode; these are the payments after a success.
"""

import numpy as np

from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps


def brute_force_login(stage: Stage, episodes: int) -> Payments:
    """One to three accounts in turn, each with one to three remote payments, all from the same address."""
    rng = stage.rng
    opened = rng.integers(1, 4, episodes)
    attack, turn = steps(opened)
    victim = stage.victims(len(attack))
    start = stage.start_times(victim[np.searchsorted(attack, np.arange(episodes))], margin_us=6 * 60 * MINUTE_US)
    address = stage.foreign_codes(episodes)
    success = start[attack] + turn * stage.minutes(10, 60, len(attack))
    device = stage.foreign_codes(len(attack))

    account, step = steps(rng.integers(1, 4, len(attack)))
    user = victim[account]
    count = len(user)
    merchant = stage.online_merchants(count)
    return stage.remote_payments(
        attack[account],
        user,
        success[account] + step * stage.minutes(2, 15, count),
        merchant,
        stage.usual_cents(user, merchant, rng.lognormal(0.6, 0.6, count)),
        device[account],
        address[attack[account]],
    )
