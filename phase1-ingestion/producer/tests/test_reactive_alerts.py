"""Workers look at live payments beside the sender, who never waits for them."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from fraud_contracts import EXTERNAL_ALERTS, TRANSACTIONS
from fraud_producer import reactive_alerts
from fraud_producer.avro import Encoder
from fraud_producer.events import Event, decimal_bytes
from fraud_producer.metrics import REACTIVE_PAYMENTS
from fraud_producer.reactive_alerts import ReactiveAlerts, with_reactive_alerts
from fraud_producer.side_events import is_side_id

START = 1_772_000_000_000_000
MINUTE = 60_000_000


def payment(number: int, *, user: str = "U0001", minutes: float = 0, cents: int = 1000, abroad: bool = False) -> Event:
    moment = START + round(minutes * MINUTE)
    record = {
        "transaction_id": f"T{number}",
        "event_time": moment,
        "user_id": user,
        "merchant_id": "M001",
        "amount": decimal_bytes(cents),
        "is_international": abroad,
    }
    return Event(TRANSACTIONS, moment, f"T{number}", user, record)


def found(payments: list[Event], workers: int = 2) -> list[Event]:
    with ReactiveAlerts(workers, 1000) as reactive:
        for each in payments:
            reactive.look_at(each)
        reactive.close()
        return list(reactive.alerts())


def count(outcome: str) -> float:
    return float(REACTIVE_PAYMENTS.labels(outcome)._value.get())


def test_many_payments_within_minutes_are_one_alert() -> None:
    alerts = found([payment(number, minutes=number) for number in range(8)])
    assert [alert.record["alert_type"] for alert in alerts] == ["VELOCITY"]
    assert alerts[0].record["source"] == "reactive"


def test_many_payments_over_a_day_or_of_many_users_are_none() -> None:
    assert found([payment(number, minutes=5 * number) for number in range(40)]) == []
    assert found([payment(number, user=f"U{number}") for number in range(40)]) == []


def test_a_burst_an_hour_later_is_another_alert() -> None:
    alerts = found([payment(number, minutes=number + 60 * (number // 5)) for number in range(10)], workers=1)
    assert len(alerts) == 2
    assert len({alert.event_id for alert in alerts}) == 2


@pytest.mark.parametrize(
    ("cents", "abroad", "expected"), [(150_000, True, 1), (149_999, True, 0), (900_000, False, 0)], ids=str
)
def test_a_high_amount_abroad_is_an_alert(cents: int, abroad: bool, expected: int) -> None:
    alerts = found([payment(1, cents=cents, abroad=abroad)])
    assert [alert.record["alert_type"] for alert in alerts] == ["HIGH_AMOUNT_ABROAD"] * expected


def test_an_alert_fits_its_schema_and_names_its_payment() -> None:
    (alert,) = found([payment(7, cents=200_000, abroad=True)])
    Encoder(EXTERNAL_ALERTS, 1).encode(alert.record)
    assert alert.record["transaction_id"] == "T7"
    assert alert.record["transaction_time"] == START
    assert alert.key == alert.record["entity_id"] == alert.record["user_id"]
    assert is_side_id(alert.event_id)


def test_an_alert_is_known_when_the_newest_payment_was_sent() -> None:
    with ReactiveAlerts(1, 10) as reactive:
        reactive.look_at(payment(1, cents=200_000, abroad=True))
        reactive.look_at(payment(2, user="U0002", minutes=3))
        reactive.close()
        (alert,) = reactive.alerts()
    assert alert.event_us == alert.record["event_time"] == START + 3 * MINUTE


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Workers that get nowhere until the event is set."""
    go_on = threading.Event()
    plain = reactive_alerts._RecentPayments.judge

    def judge(self: Any, each: Event) -> list[str]:
        go_on.wait(30)
        return plain(self, each)

    monkeypatch.setattr(reactive_alerts._RecentPayments, "judge", judge)
    yield go_on
    go_on.set()


def test_a_full_queue_drops_and_counts_and_never_holds_up_a_payment(stuck: threading.Event) -> None:
    dropped, looked_at = count("dropped"), count("looked_at")
    payments = [payment(number, user=f"U{number}", cents=200_000, abroad=True) for number in range(500)]
    with ReactiveAlerts(2, 10) as reactive:
        begun = time.monotonic()
        sent = list(with_reactive_alerts(payments, reactive))
        seconds = time.monotonic() - begun
        assert sent == payments
        # ten wait, and each of the two workers may hold one
        assert 488 <= count("dropped") - dropped <= 490
        assert 8 <= (REGISTRY.get_sample_value("fraud_producer_reactive_queued_payments") or 0) <= 10
        stuck.set()
        reactive.close()
        assert REGISTRY.get_sample_value("fraud_producer_reactive_queued_payments") == 0
        alerts = list(reactive.alerts())
    assert seconds < 1
    assert count("looked_at") - looked_at == len(alerts) == 500 - (count("dropped") - dropped)


def test_alerts_leave_between_the_payments_that_follow() -> None:
    payments = [payment(number, user=f"U{number}", cents=200_000, abroad=True) for number in range(50)]
    sent = []
    with ReactiveAlerts(1, 100) as reactive:
        for event in with_reactive_alerts(payments, reactive):
            sent.append(event)
            if event.topic is TRANSACTIONS:
                time.sleep(0.002)
    kinds = [event.topic for event in sent]
    assert EXTERNAL_ALERTS in kinds
    assert kinds.index(EXTERNAL_ALERTS) < len(kinds) - 5
    assert [event for event in sent if event.topic is TRANSACTIONS] == payments
    assert [event.event_us for event in sent] == sorted(event.event_us for event in sent)


def test_nobody_looks_without_workers() -> None:
    before = count("dropped"), count("looked_at")
    assert found([payment(number) for number in range(2000)], workers=0) == []
    assert (count("dropped"), count("looked_at")) == before
