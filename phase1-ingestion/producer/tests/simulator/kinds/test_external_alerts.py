"""External alerts are about what they name, come later than the fraud they follow from, and some are wrong."""

from typing import Any

import numpy as np

from fraud_contracts import EXTERNAL_ALERTS, LABELS, TRANSACTIONS
from fraud_producer.simulator.kinds import external_alerts as module
from fraud_producer.simulator.kinds.day import HOUR_US
from fraud_producer.simulator.scenarios import SCENARIOS

ABOUT = {"CARD": "card_hash", "MERCHANT": "merchant_id", "USER": "user_id", "DEVICE": "device_id"}


def records(month: Any) -> list[dict[str, Any]]:
    return [event.record for event in month.by_topic[EXTERNAL_ALERTS.name]]


def test_an_alert_names_its_entity_twice(month: Any) -> None:
    for record in records(month):
        if record["entity_type"] in ABOUT:
            assert record["entity_id"] == record[ABOUT[record["entity_type"]]]
        assert record["expires_at"] > record["event_time"]
    assert {record["entity_type"] for record in records(month)} >= {"CARD", "MERCHANT", "DEVICE", "IP"}


def test_alerts_of_fraud_come_hours_after_the_last_payment(month: Any) -> None:
    found = 0
    for number in range(20_701, 20_721):
        day = month.day(number)
        for part in module.external_alerts_of_fraud(np.random.default_rng(number), day):
            found += len(part["event_time"])
            assert (part["event_time"] - part["cause_us"] >= 2 * HOUR_US).all()
    assert found > 100


def test_stolen_cards_were_mostly_abused(month: Any) -> None:
    cards = {event.event_id: event.record["card_hash"] for event in month.by_topic[TRANSACTIONS.name]}
    abused = {cards[event.record["transaction_id"]] for event in month.by_topic[LABELS.name]}
    stolen = [record["card_hash"] for record in records(month) if record["alert_type"] == "STOLEN_CARD"]
    right = sum(card in abused for card in stolen)
    assert len(stolen) > 20
    assert right / len(stolen) > 0.5


def test_without_victims_nobody_reports_fraud(month: Any) -> None:
    day = month.day(20_705)
    calm = day.victims.take(np.zeros(len(day.victims), dtype=np.bool_))
    parts = module.external_alerts_of_fraud(
        np.random.default_rng(1),
        module.Day(day.config, day.users, day.merchants, day.day, day.payments, calm),
    )
    assert sum(len(part["event_time"]) for part in parts) == 0


def test_scenarios_that_are_named_exist() -> None:
    named = (
        module.CARD_IS_ABROAD | module.MERCHANT_IS_THE_PLACE | module.IS_MULE | module.SHARES_DEVICE | module.ATTACKS
    )
    assert {scenario.name for scenario in SCENARIOS} >= named
