"""Every message of every kind fits its schema and the contracts' bounds, and there are not too many of them."""

import io
import re
from dataclasses import replace
from typing import Any

import fastavro
import numpy as np
import pytest

from fraud_contracts import (
    CARD_EVENTS,
    KYC_PROFILES,
    LABELS,
    LOGINS,
    RAW_TOPICS,
    TRANSACTIONS,
    Topic,
    cent_limits,
    degree_limits,
    number_limits,
    schema,
    text_patterns,
    time_limits,
)
from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.simulator import build_world, events, simulate
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.kinds.derivation import HORIZON_DAYS, KINDS, LOOK_AHEAD_DAYS
from fraud_producer.simulator.kinds.external_alerts import external_alerts
from fraud_producer.simulator.simulation import World

OTHERS = [kind.topic for kind in KINDS]
HASHER = CardHasher(b"k" * 32)


def decoded(topic: Topic, found: list[Event]) -> list[dict[str, Any]]:
    parsed = fastavro.parse_schema(schema(topic))
    records = []
    for event in found:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, parsed, event.record, strict=True)
        buffer.seek(0)
        record = fastavro.schemaless_reader(buffer, parsed, None)
        assert isinstance(record, dict)
        records.append(record)
    return records


@pytest.mark.parametrize("topic", RAW_TOPICS, ids=lambda topic: topic.table)
def test_every_message_fits_its_schema_and_the_bounds(topic: Topic, month: Any) -> None:
    found = month.by_topic[topic.name]
    assert len(found) > 30
    for record in decoded(topic, found):
        for name, pattern in text_patterns(topic).items():
            assert record[name] is None or re.fullmatch(pattern, record[name]), (name, record[name])
        for name, limit in degree_limits(topic).items():
            assert record[name] is None or abs(record[name]) <= limit
        for name, (low, high) in number_limits(topic).items():
            assert record[name] is None or low <= record[name] <= high
        for name, (low, high) in cent_limits(topic).items():
            assert record[name] is None or low <= record[name] * 100 <= high
        for name, (first, end) in time_limits(topic).items():
            assert record[name] is None or first <= record[name] < end


@pytest.mark.parametrize("topic", OTHERS, ids=lambda topic: topic.table)
def test_ids_are_unique_and_keys_are_those_of_the_contract(topic: Topic, month: Any) -> None:
    found = month.by_topic[topic.name]
    assert len({event.event_id for event in found}) == len(found)
    for event in found:
        assert event.key == event.record[topic.key_field]
        assert event.event_id == event.record[topic.id_field]
        assert event.event_us == event.record["event_time"]


def test_nothing_happens_outside_the_days_that_are_looked_at(month: Any) -> None:
    for number in range(20_701, 20_721):
        day = month.day(number)
        for kind in KINDS:
            for part in kind.of_day(np.random.default_rng(number), day):
                if len(part["event_time"]):
                    assert part["event_time"].min() >= (number - LOOK_AHEAD_DAYS) * DAY_US, kind.topic.name
                    assert part["event_time"].max() < (number + HORIZON_DAYS) * DAY_US, kind.topic.name


def test_nothing_follows_from_what_was_before_the_world(month: Any) -> None:
    start = month.world.config.start_us
    number = start // DAY_US
    day = month.day(number)
    payments, ids = month.world.payments_of_day(number)
    made = month.world.rows_of_day(number, payments, ids, month.world.labels_of_day(number, payments, ids))
    assert all((rows.cause_us >= start).all() for rows in made)
    parts = [part for kind in KINDS for part in kind.of_day(np.random.default_rng(1), day)]
    assert any((part["cause_us"] < start).any() for part in parts), (
        "the world begins with its day: nothing to leave out"
    )


def counts(world: World, days: int) -> dict[str, int]:
    found = dict.fromkeys((topic.name for topic in RAW_TOPICS), 0)
    start = world.config.start_us
    for block in simulate(world, start, start + days * DAY_US):
        for event in events(world, block):
            found[event.topic.name] += 1
    return found


@pytest.mark.parametrize(
    ("customers", "per_day", "fraud_rate"), [(800, 1000, 0.05), (2000, 5000, 0.01)], ids=["small demo", "demo"]
)
def test_the_other_kinds_add_at_most_a_quarter(month: Any, customers: int, per_day: float, fraud_rate: float) -> None:
    config = replace(
        month.world.config, seed=7, customers=customers, transactions_per_day=per_day, fraud_rate=fraud_rate
    )
    days = 60 if customers == 800 else 20
    found = counts(build_world(config, HASHER), days)
    opening = customers * 2.4 * (1 - days / 60)  # everybody's first messages come once
    others = sum(found[topic.name] for topic in OTHERS) - opening
    assert 0.1 < others / found[TRANSACTIONS.name] < 0.25


@pytest.mark.parametrize("rate", ["login_rate", "card_rate", "kyc_rate", "alert_rate"])
def test_a_rate_of_zero_sends_none_and_changes_nothing_else(month: Any, rate: str) -> None:
    config = replace(month.world.config, customers=100, transactions_per_day=200)
    natural, without = (counts(build_world(each, HASHER), 20) for each in (config, replace(config, **{rate: 0.0})))
    silent = {"login_rate": 0, "card_rate": 1, "kyc_rate": 2, "alert_rate": 3}[rate]
    assert without == natural | {OTHERS[silent].name: 0}
    assert natural[OTHERS[silent].name] > 0


def test_three_times_the_rate_is_three_times_the_honest_events(month: Any) -> None:
    config = replace(month.world.config, fraud_rate=0.0, alert_rate=3.0, login_rate=3.0, card_rate=3.0, kyc_rate=3.0)
    calm = counts(build_world(replace(config, login_rate=1.0, card_rate=1.0, kyc_rate=1.0, alert_rate=1.0), HASHER), 20)
    busy = counts(build_world(config, HASHER), 20)
    assert busy[TRANSACTIONS.name] == calm[TRANSACTIONS.name]
    assert busy[LABELS.name] == calm[LABELS.name]
    opening = {KYC_PROFILES.name: 400, CARD_EVENTS.name: 400 + 160}
    for topic in (LOGINS, CARD_EVENTS, KYC_PROFILES):
        ratio = (busy[topic.name] - opening.get(topic.name, 0)) / (calm[topic.name] - opening.get(topic.name, 0))
        assert 2 < ratio < 4, topic.name


def test_three_times_the_alert_rate_is_three_times_the_wrong_alerts(month: Any) -> None:
    day = month.day(20_705)
    honest = day.victims.take(np.zeros(len(day.victims), dtype=np.bool_))
    found = []
    for rate in (1.0, 3.0):
        calm = replace(day, config=replace(day.config, alert_rate=rate), victims=honest)
        made = (external_alerts(np.random.default_rng(number), calm) for number in range(500))
        found.append(sum(len(part["event_time"]) for parts in made for part in parts))
    assert 2 < found[1] / found[0] < 4


@pytest.mark.parametrize("wrong", [{"login_rate": -0.1}, {"card_rate": 11}, {"kyc_rate": 10.5}, {"alert_rate": -1}])
def test_a_rate_out_of_range_is_refused(month: Any, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"rate is .*: use a factor from 0 to 10"):
        replace(month.world.config, **wrong)
