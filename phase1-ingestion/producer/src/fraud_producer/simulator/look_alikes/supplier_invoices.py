"""Supplier invoices: a tradesperson pays his suppliers on one day, in orders that stay below his bank's limit.

It deceives "three or more transfers just under the threshold in a day" (structuring). He does it again and again, from
his own computer or phone, to the same few suppliers at home.
"""

import numpy as np

from fraud_producer.simulator.payments import Payments
from fraud_producer.simulator.population import computer_codes, home_addresses
from fraud_producer.simulator.scenarios.stage import MINUTE_US, Stage, steps
from fraud_producer.simulator.scenarios.structuring import BAND
from fraud_producer.simulator.transfers import SUPPLIERS

# Who earns that much has a business.
TRADE_SHARE = 0.02
SUPPLIERS_EACH = 6
COMPUTER_SHARE = 0.5


def supplier_invoices(stage: Stage, episodes: int) -> Payments:
    """Three to five transfers within hours, each from 90 % of ``structuring_threshold`` to just below it."""
    rng = stage.rng
    rich = stage.users.income >= np.quantile(stage.users.income, 1 - TRADE_SHARE)
    payer = stage.drawn(np.flatnonzero(rich), episodes)
    start = stage.usual_times(payer, margin_us=8 * 60 * MINUTE_US)
    pause = stage.minutes(5, 90, episodes)
    device = np.where(
        rng.random(episodes) < COMPUTER_SHARE, computer_codes(stage.users, payer), stage.own_phones(payer)
    )
    episode, step = steps(rng.integers(3, 6, episodes))
    user = payer[episode]
    supplier = user * SUPPLIERS_EACH + rng.integers(0, SUPPLIERS_EACH, len(user))
    return stage.transfers(
        episode,
        user,
        start[episode] + (step * pause[episode] * rng.uniform(0.7, 1.2, len(user))).astype(np.int64),
        np.floor(100 * stage.config.structuring_threshold * rng.uniform(*BAND, len(user))).astype(np.int64),
        SUPPLIERS + supplier,
        stage.users.country[user],
        device[episode],
        home_addresses(stage.users, user),
        home_share=1.0,
    )
