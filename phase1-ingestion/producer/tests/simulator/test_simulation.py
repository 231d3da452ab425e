"""The stream is a pure function of its configuration and the day, whoever asks for which part of it."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fraud_contracts import LABELS, RAW_TOPICS, TEXT_PATTERNS, TRANSACTIONS, field_names, schema
from fraud_producer.avro import Encoder
from fraud_producer.events import Event
from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world, events, merchants_csv, simulate
from fraud_producer.simulator.config import DAY_US, WORLD_VERSION, date_of, day_of

HASHER = CardHasher(b"k" * 32)
# a start in the middle of a day, as the last full hour is
START = 20_700 * DAY_US + 15 * 3_600_000_000
CONFIG = SimulationConfig(start_us=START, seed=11, customers=200, transactions_per_day=600, fraud_rate=0.02)


def span(world: World, since: int, until: int) -> list[Event]:
    return [event for block in simulate(world, since, until) for event in events(world, block)]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(CONFIG, HASHER)


@pytest.fixture(scope="module")
def history(world: World) -> list[Event]:
    return span(world, START, START + 25 * DAY_US)


def payments(found: list[Event]) -> Iterator[Event]:
    return (event for event in found if event.topic is TRANSACTIONS)


def test_the_same_seed_gives_the_same_bytes(history: list[Event]) -> None:
    again = span(build_world(CONFIG, HASHER), START, START + 25 * DAY_US)
    encoders = {topic.name: Encoder(topic, 1) for topic in RAW_TOPICS}
    assert [encoders[e.topic.name].encode(e.record) for e in again] == [
        encoders[e.topic.name].encode(e.record) for e in history
    ]


def test_a_world_that_became_another_has_another_version(history: list[Event]) -> None:
    """Red after a change of the simulator: raise WORLD_VERSION and write down what it gives now.

    Coordinates are left out: their last digits are the processor's.
    """
    digest = hashlib.sha256()
    for event in history:
        fields = {name: value for name, value in event.record.items() if not isinstance(value, float)}
        digest.update(repr((event.topic.name, event.event_id, event.key, event.event_us, fields)).encode())
    assert (WORLD_VERSION, digest.hexdigest()[:16]) == (2, "c081ef86f1f668c2")


def test_a_days_payments_are_the_same_in_any_span_and_any_order(world: World) -> None:
    days = range(20_701, 20_706)
    alone = {day: world.payments_of_day(day) for day in reversed(days)}
    for block in simulate(world, 20_701 * DAY_US, 20_706 * DAY_US):
        payments, ids = alone[block.day]
        assert block.ids == ids
        for column in fields(payments):
            np.testing.assert_array_equal(getattr(block.payments, column.name), getattr(payments, column.name))


def test_another_seed_gives_other_payments(history: list[Event]) -> None:
    other = build_world(replace(CONFIG, seed=12), HASHER)
    first = next(payments(span(other, START, START + DAY_US)))
    assert first.record != next(payments(history)).record


@pytest.mark.parametrize("cut", [20 * DAY_US, 20 * DAY_US + 12_345_678_901])
def test_a_continued_run_equals_the_long_one(world: World, history: list[Event], cut: int) -> None:
    end = START + 25 * DAY_US
    assert span(world, START, START + cut) + span(world, START + cut, end) == history


def test_going_on_day_by_day_equals_the_long_run(world: World, history: list[Event]) -> None:
    parts = [span(world, START + day * DAY_US, START + (day + 1) * DAY_US) for day in range(20, 25)]
    tail = [event for event in history if event.event_us >= START + 20 * DAY_US]
    assert [event for part in parts for event in part] == tail


def test_labels_of_history_become_known_in_the_continuation(world: World) -> None:
    cut = START + 20 * DAY_US
    late = [e for e in span(world, cut, cut + 3 * DAY_US) if e.topic is LABELS]
    assert any(e.record["transaction_time"] < cut for e in late)


def test_no_label_speaks_of_a_payment_before_the_start(history: list[Event]) -> None:
    known = {event.event_id for event in payments(history)}
    labelled = {event.record["transaction_id"] for event in history if event.topic is LABELS}
    assert labelled
    assert labelled <= known


def test_events_are_in_the_order_of_their_time(history: list[Event]) -> None:
    assert all(first.event_us <= second.event_us for first, second in pairwise(history))
    assert history[0].event_us >= START
    assert history[-1].event_us < START + 25 * DAY_US


def test_each_payment_has_a_microsecond_and_an_id_of_its_own(history: list[Event]) -> None:
    found = list(payments(history))
    assert len({event.event_us for event in found}) == len(found)
    assert len({event.event_id for event in found}) == len(found)


def test_ids_name_the_day_and_the_position_in_it(history: list[Event]) -> None:
    for event in payments(history):
        assert re.fullmatch(r"T\d{8}-\d{6}", event.event_id)
        assert event.event_id[1:9] == f"{date_of(day_of(event.event_us)):%Y%m%d}"


def test_label_ids_are_unique(history: list[Event]) -> None:
    ids = [event.event_id for event in history if event.topic is LABELS]
    assert len(set(ids)) == len(ids)


def test_volume_and_fraud_share_are_what_was_asked_for(world: World) -> None:
    blocks = list(simulate(world, START, START + 25 * DAY_US))
    rows = sum(len(block.payments) for block in blocks)
    fraud = sum(int((block.payments.scenario > 0).sum()) for block in blocks)
    assert rows == pytest.approx(25 * 600, rel=0.08)
    assert fraud / rows == pytest.approx(0.02, rel=0.25)


def test_every_field_is_filled_as_the_contract_says(history: list[Event]) -> None:
    for event in payments(history):
        assert set(event.record) == set(field_names(TRANSACTIONS))
        assert event.key == event.record["user_id"]
        assert (event.record["latitude"] is None) == (event.record["longitude"] is None)
        assert re.fullmatch(r"[A-Z]{2}", event.record["country"])
        assert re.fullmatch(r"[A-Z]{3}", event.record["currency"])
        assert re.fullmatch(r"\d{4}", event.record["merchant_category_code"])
        assert int.from_bytes(event.record["amount"], "big") > 0


def test_every_text_is_within_its_bounds_and_every_symbol_is_the_contracts(world: World) -> None:
    symbols = {
        name: set(next(branch for branch in field["type"] if isinstance(branch, dict))["symbols"])
        for field in schema(TRANSACTIONS)["fields"]
        if (name := field["name"]) in ("channel", "transaction_type")
    }
    kinds = set()
    for event in payments(span(world, START, START + 10 * DAY_US)):
        for name in TEXT_PATTERNS.keys() & event.record.keys():
            value = event.record[name]
            assert value is None or re.fullmatch(TEXT_PATTERNS[name], value), (name, value)
        for name, known in symbols.items():
            assert event.record[name] in known - {"UNKNOWN"}
        is_transfer = event.record["transaction_type"] == "TRANSFER"
        for name in ("counterparty_id", "counterparty_country"):
            assert (event.record[name] is not None) == is_transfer
        assert (event.record["card_hash"] is None) == (event.record["card_bin"] is None) == is_transfer
        kinds.add(event.record["transaction_type"])
    assert kinds == {"PURCHASE", "WITHDRAWAL", "TRANSFER", "REFUND"}


def test_every_merchant_of_a_payment_is_in_the_reference_table(world: World) -> None:
    known = {line.split(",")[0] for line in merchants_csv().splitlines()[1:]}
    for event in payments(span(world, START, START + 5 * DAY_US)):
        assert event.record["merchant_id"] in known


def test_no_card_number_leaves_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[str] = []
    plain = CardHasher.card_hash
    # the class is frozen, so the recorder goes on the class: it sees what the population hands in
    monkeypatch.setattr(CardHasher, "card_hash", lambda self, number: (numbers.append(number), plain(self, number))[1])
    small = build_world(replace(CONFIG, customers=50), HASHER)
    texts: list[Any] = [value for e in span(small, START, START + 5 * DAY_US) for value in e.record.values()]
    assert len(numbers) == 100
    everything = "\n".join(str(value) for value in texts) + repr(small)
    assert [number for number in numbers if number in everything] == []


def test_international_means_a_place_or_an_account_outside_the_users_country(world: World) -> None:
    for block in simulate(world, START, START + 2 * DAY_US):
        home = world.users.country[block.payments.user]
        flags = [e.record["is_international"] for e in events(world, block) if e.topic is TRANSACTIONS]
        to_account = block.payments.counterparty > 0
        abroad = (block.payments.place != home) | (to_account & (block.payments.counterparty_place != home))
        assert flags == abroad.tolist()


def test_asking_for_less_than_a_microsecond_gives_nothing(world: World) -> None:
    assert span(world, START + DAY_US, START + DAY_US) == []


@pytest.mark.parametrize(
    "wrong", [{"customers": 3}, {"transactions_per_day": 0}, {"fraud_rate": 0.5}, {"seed": -1}], ids=str
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="use"):
        replace(CONFIG, **wrong)


def test_days_cross_month_and_year(world: World) -> None:
    new_year = int(np.datetime64("2027-01-01", "D").astype(int)) * DAY_US
    ids = [e.event_id[:9] for e in payments(span(world, new_year - DAY_US, new_year + DAY_US))]
    assert set(ids) == {"T20261231", "T20270101"}
