"""Fraud scenarios: each a module that says what it imitates, and makes it.

A new one is a function ``(stage, episodes) -> Payments`` in a module of its name, which numbers its episodes from zero;
an entry at the end of ``catalogue.SCENARIOS``, a share in ``shares.DEFAULT_SHARES``, and a test in
``test_scenarios.py`` that the pattern is there. What is held for all of them (episodes stay within their day, are as
long as the catalogue says, can be injected alone for a chosen moment and victim) is tested without another line.
"""

from fraud_producer.simulator.scenarios.catalogue import SCENARIOS, Scenario, fraudulent_payments, one_episode
from fraud_producer.simulator.scenarios.stage import Stage

__all__ = ["SCENARIOS", "Scenario", "Stage", "fraudulent_payments", "one_episode"]
