"""Which scenarios exist, and how much of all fraud each makes up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from fraud_producer.simulator.payments import Payments, join
from fraud_producer.simulator.scenarios.account_takeover import account_takeover
from fraud_producer.simulator.scenarios.card_testing import card_testing
from fraud_producer.simulator.scenarios.compromised_merchant import compromised_merchant
from fraud_producer.simulator.scenarios.impossible_travel import impossible_travel
from fraud_producer.simulator.scenarios.quiet_misuse import quiet_misuse
from fraud_producer.simulator.scenarios.stage import Stage
from fraud_producer.simulator.scenarios.velocity_burst import velocity_burst


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fraud scenario: its share of all fraudulent payments and the payments of a mean episode."""

    name: str
    share: float
    mean_payments: float
    play: Callable[[Stage, int], Payments]


SCENARIOS: Final = (
    Scenario("card_testing", 0.20, 4.6, card_testing),
    Scenario("velocity_burst", 0.18, 4.9, velocity_burst),
    Scenario("impossible_travel", 0.15, 2.0, impossible_travel),
    Scenario("account_takeover", 0.25, 2.9, account_takeover),
    Scenario("compromised_merchant", 0.18, 1.0, compromised_merchant),
    Scenario("quiet_misuse", 0.04, 1.0, quiet_misuse),
)


def fraudulent_payments(stage: Stage) -> Payments:
    """The day's fraud: as many episodes of each scenario as its share of the fraud rate wants, on average."""
    rate = stage.config.fraud_rate
    wanted = len(stage.honest) * rate / (1 - rate)
    parts = [stage.honest.take(np.zeros(0, dtype=np.int64))]
    for number, scenario in enumerate(SCENARIOS, start=1):
        episodes = int(stage.rng.poisson(wanted * scenario.share / scenario.mean_payments))
        if episodes:
            payments = scenario.play(stage, episodes)
            payments.scenario = np.full(len(payments), number, dtype=np.int64)
            parts.append(payments)
    return join(parts)
