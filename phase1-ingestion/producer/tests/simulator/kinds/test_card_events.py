"""Card events show what they claim: blocked some time after a fraud is known, replaced after that."""

from collections import defaultdict
from typing import Any

import numpy as np

from fraud_contracts import CARD_EVENTS, LABELS, TRANSACTIONS
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.kinds.card_events import (
    CARD_IS_SAFE,
    RAISES_LIMIT,
    STOLEN_CARD,
    TAKES_WALLET,
    card_events_of_fraud,
)
from fraud_producer.simulator.kinds.day import HOUR_US
from fraud_producer.simulator.scenarios import SCENARIOS


def of_type(month: Any, *types: str) -> list[dict[str, Any]]:
    return [event.record for event in month.by_topic[CARD_EVENTS.name] if event.record["event_type"] in types]


def test_every_card_that_pays_was_issued_when_the_world_began(month: Any) -> None:
    issued = of_type(month, "ISSUED")
    start = month.world.config.start_us
    assert all(start <= record["event_time"] < start + 10_000 for record in issued)
    cards = {record["card_hash"] for record in issued}
    assert len(cards) == len(issued)
    paying = [event.record["card_hash"] for event in month.by_topic[TRANSACTIONS.name] if event.record["card_hash"]]
    assert sum(card in cards for card in paying) / len(paying) > 0.99
    assert {record["user_id"] for record in issued} == set(month.world.users.ids)


def test_a_block_for_fraud_comes_after_the_label_that_tells_of_it(month: Any) -> None:
    cards = {event.event_id: event.record["card_hash"] for event in month.by_topic[TRANSACTIONS.name]}
    known = defaultdict(list)
    for event in month.by_topic[LABELS.name]:
        if event.record["is_fraud"]:
            known[cards[event.record["transaction_id"]]].append(event.event_us)
    blocks = [
        record
        for record in of_type(month, "BLOCKED", "STOLEN")
        if record["reason"] in {"FRAUD", "REPORTED_BY_CUSTOMER"}
    ]
    assert len(blocks) > 50
    for record in blocks:
        lags = [record["event_time"] - moment for moment in known[record["card_hash"]]]
        assert any(0 < lag <= 36 * HOUR_US for lag in lags)


def test_a_block_is_followed_by_a_replacement_within_a_week(month: Any) -> None:
    replaced = defaultdict(list)
    for record in of_type(month, "REPLACED"):
        replaced[record["card_hash"]].append(record["event_time"])
    end = month.by_topic[CARD_EVENTS.name][-1].event_us
    gone = [
        record
        for record in of_type(month, "BLOCKED", "STOLEN", "LOST")
        if record["reason"] != "UNUSUAL_PAYMENT" and record["event_time"] < end - 7 * DAY_US
    ]
    assert len(gone) > 30
    for record in gone:
        lags = [moment - record["event_time"] for moment in replaced[record["card_hash"]]]
        assert any(2 * DAY_US <= lag <= 6 * DAY_US for lag in lags)


def test_a_traveller_is_blocked_and_let_go_the_same_day(month: Any) -> None:
    blocked = [record for record in of_type(month, "BLOCKED") if record["reason"] == "UNUSUAL_PAYMENT"]
    freed = defaultdict(list)
    for record in of_type(month, "UNBLOCKED"):
        freed[record["card_hash"]].append(record["event_time"])
    assert blocked
    end = month.by_topic[CARD_EVENTS.name][-1].event_us
    for record in blocked:
        if record["event_time"] < end - DAY_US:
            assert any(0 < moment - record["event_time"] < 6 * HOUR_US for moment in freed[record["card_hash"]])


def test_fraudsters_guess_pins_and_take_wallets_before_they_pay(month: Any) -> None:
    seen = set()
    for number in range(20_701, 20_721):
        for part in card_events_of_fraud(np.random.default_rng(number), month.day(number)):
            for what, moment, cause in zip(part["event_type"], part["event_time"], part["cause_us"], strict=True):
                if what in {"PIN_FAILED", "WALLET_ADDED", "LIMIT_CHANGED"}:
                    assert moment < cause
                    seen.add(what)
                else:
                    assert moment > cause
    assert {"PIN_FAILED", "WALLET_ADDED"} <= seen


def test_only_a_wallet_has_a_device_and_only_what_sets_one_a_limit(month: Any) -> None:
    for event in month.by_topic[CARD_EVENTS.name]:
        record = event.record
        assert (record["device_id"] is not None) == (record["event_type"] == "WALLET_ADDED")
        assert (record["limit_amount"] is not None) == (record["event_type"] in {"ISSUED", "REPLACED", "LIMIT_CHANGED"})


def test_scenarios_that_are_named_exist() -> None:
    names = {scenario.name for scenario in SCENARIOS}
    assert names >= STOLEN_CARD | TAKES_WALLET | RAISES_LIMIT | CARD_IS_SAFE
