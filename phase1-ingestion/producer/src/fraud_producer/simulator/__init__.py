"""A deterministic world of payments: who pays where and when, who is robbed, and when it becomes known."""

from fraud_producer.simulator.config import SimulationConfig
from fraud_producer.simulator.injection import Injection, inject
from fraud_producer.simulator.merchants import merchant_population, merchants_csv
from fraud_producer.simulator.simulation import Block, World, build_world, events, simulate

__all__ = [
    "Block",
    "Injection",
    "SimulationConfig",
    "World",
    "build_world",
    "events",
    "inject",
    "merchant_population",
    "merchants_csv",
    "simulate",
]
