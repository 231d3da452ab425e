"""Which scenarios exist, what an episode of each is like, and how soon its payments become known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from fraud_producer.simulator.payments import Payments, join
from fraud_producer.simulator.scenarios.account_takeover import account_takeover
from fraud_producer.simulator.scenarios.brute_force_login import brute_force_login
from fraud_producer.simulator.scenarios.bust_out import bust_out
from fraud_producer.simulator.scenarios.card_not_present_spike import card_not_present_spike
from fraud_producer.simulator.scenarios.card_testing import card_testing
from fraud_producer.simulator.scenarios.compromised_merchant import compromised_merchant
from fraud_producer.simulator.scenarios.compromised_terminal import compromised_terminal
from fraud_producer.simulator.scenarios.impossible_travel import impossible_travel
from fraud_producer.simulator.scenarios.merchant_fraud import merchant_fraud
from fraud_producer.simulator.scenarios.mule_account import mule_account
from fraud_producer.simulator.scenarios.quiet_misuse import quiet_misuse
from fraud_producer.simulator.scenarios.shared_device_ring import shared_device_ring
from fraud_producer.simulator.scenarios.stage import Stage
from fraud_producer.simulator.scenarios.structuring import structuring
from fraud_producer.simulator.scenarios.velocity_burst import velocity_burst
from fraud_producer.simulator.shares import shares_of_fraud


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fraud scenario: the payments of a mean episode, and the shares found by analysts and never found.

    ``play`` makes as many episodes as asked for and numbers them from zero in the column ``episode``.
    """

    name: str
    mean_payments: float
    play: Callable[[Stage, int], Payments]
    analyst_share: float = 0.2
    unknown_share: float = 0.04


# The order numbers the scenarios: new ones come at the end.
SCENARIOS: Final = (
    Scenario("card_testing", 4.6, card_testing),
    Scenario("velocity_burst", 4.9, velocity_burst),
    Scenario("impossible_travel", 2.0, impossible_travel),
    Scenario("account_takeover", 2.9, account_takeover),
    Scenario("compromised_merchant", 3.5, compromised_merchant),
    Scenario("quiet_misuse", 1.0, quiet_misuse, unknown_share=0.15),
    Scenario("card_not_present_spike", 6.1, card_not_present_spike),
    Scenario("brute_force_login", 4.0, brute_force_login),
    Scenario("structuring", 4.0, structuring, analyst_share=0.9, unknown_share=0.15),
    Scenario("shared_device_ring", 7.5, shared_device_ring, analyst_share=0.4),
    Scenario("compromised_terminal", 3.75, compromised_terminal),
    Scenario("merchant_fraud", 7.0, merchant_fraud),
    Scenario("mule_account", 6.0, mule_account, analyst_share=0.5, unknown_share=0.08),
    Scenario("bust_out", 7.0, bust_out, analyst_share=0.7),
)


def fraudulent_payments(stage: Stage) -> Payments:
    """The day's fraud: as many episodes of each scenario as its share of the fraud rate wants, on average."""
    rate = stage.config.fraud_rate
    wanted = len(stage.honest) * rate / (1 - rate)
    shares = shares_of_fraud(stage.config.scenario_shares)
    first = 1
    parts = [Payments.empty()]
    for number, scenario in enumerate(SCENARIOS, start=1):
        episodes = int(stage.rng.poisson(wanted * shares[scenario.name] / scenario.mean_payments))
        if episodes:
            payments = _played(stage, number, episodes)
            payments.episode += first
            first += episodes
            parts.append(payments)
    return join(parts)


def one_episode(stage: Stage, name: str) -> Payments:
    """The payments of a single episode of the scenario called ``name``; it is number one.

    Raises:
        ValueError: there is no such scenario.
    """
    names = [scenario.name for scenario in SCENARIOS]
    if name not in names:
        raise ValueError(f"scenario is {name!r}: use one of {', '.join(names)}")
    payments = _played(stage, names.index(name) + 1, 1)
    payments.episode += 1
    return payments


def _played(stage: Stage, number: int, episodes: int) -> Payments:
    payments = SCENARIOS[number - 1].play(stage, episodes)
    payments.scenario = np.full(len(payments), number, dtype=np.int64)
    return payments
