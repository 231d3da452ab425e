"""Fraud scenarios: each a module that says what it imitates, and makes it."""

from fraud_producer.simulator.scenarios.catalogue import SCENARIOS, Scenario, fraudulent_payments
from fraud_producer.simulator.scenarios.stage import Stage

__all__ = ["SCENARIOS", "Scenario", "Stage", "fraudulent_payments"]
