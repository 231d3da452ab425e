"""F1: the producer is killed at random moments, and each start after it sends exactly what was not sent before."""

from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from fraud_contracts import TRANSACTIONS, field_names
from fraud_producer.events import cents_of, to_datetime
from fraud_stream.streams import Layout, Stream, trino_table

PAYMENTS = 40_000
BOUND_SECONDS = 10.0


@pytest.fixture(scope="module")
def environment(environment: dict[str, str]) -> dict[str, str]:
    """The driver begins when all is sent: it may take much at once."""
    return environment | {"BRONZE_MAX_OFFSETS_PER_TRIGGER": "60000"}


def in_bronze(payment: dict[str, Any]) -> dict[str, Any]:
    """A payment of the simulator in the types that Bronze gives back."""
    return {
        **payment,
        "event_time": to_datetime(payment["event_time"]).replace(tzinfo=None),
        "amount": Decimal(cents_of(payment["amount"])).scaleb(-2),
    }


@pytest.mark.chaos("F1")
def test_a_producer_killed_at_random_moments_sends_every_event_once(
    chaos: Any,
    record: Any,
    namespaced: ModuleType,
    handles: ModuleType,
    producers: Any,
    broker: Any,
    driver: Any,
    layout: Layout,
    transactions: Stream,
    trino: Any,
) -> None:
    history = namespaced.History(days=20, payments=PAYMENTS, seed=chaos.seed % 10_000)
    events = list(history.events())
    expected = sorted((event.topic.name, event.event_id) for event in events)
    # the last part is left for the run that nobody kills
    moments = sorted(chaos.random.sample(range(200, int(len(expected) * 0.9)), chaos.kills))
    recovered, unwritten = [], 0
    for moment in moments:
        before = broker.messages(layout.namespace)
        process = producers.start(*history.command)
        took = handles.wait_for(lambda before=before: broker.messages(layout.namespace) > before, 60, "a message")
        if before:
            recovered.append(took)
        handles.wait_for(lambda moment=moment: broker.messages(layout.namespace) >= moment, 60, "the moment to kill")
        assert process.poll() is None, producers.log.read_text()[-3000:]
        process.kill()
        process.wait()
        unwritten += broker.messages(layout.namespace) - producers.acknowledged()
    assert unwritten > 0, "the kills came when every report was written: nothing is tested"
    last = producers.start(*history.command)
    assert last.wait(120) == 0, producers.log.read_text()[-3000:]

    driver.start()
    driver.wait_ready()
    assert driver.run("register-tables", "--wait", "60", "--require").returncode == 0
    code, verdict, text = driver.conservation()
    # the first start sends a history and recovers nothing: with one kill there is no other
    slowest = max(recovered, default=None)
    record("F1", f"producer, {chaos.kills} kills", slowest, BOUND_SECONDS if recovered else None, verdict)
    assert code == 0, text
    landed = [
        (stream.contract.name, name)
        for stream in layout.streams
        for (name,) in trino.query(f"SELECT {stream.contract.id_field} FROM {trino_table(stream.table)}")
    ]
    assert sorted(landed) == expected

    fields = field_names(TRANSACTIONS)
    rows = trino.query(f"SELECT {', '.join(fields)} FROM {trino_table(transactions.table)}")
    found = {row["transaction_id"]: row for row in (dict(zip(fields, row, strict=True)) for row in rows)}
    sent = {event.event_id: in_bronze(event.record) for event in events if event.topic is TRANSACTIONS}
    # Cards are hashed with the stack's own key there and with another one here: each hash must stand for one other.
    hashes = {(payment.pop("card_hash"), found[name].pop("card_hash")) for name, payment in sent.items()}
    assert len(hashes) == len({ours for ours, _ in hashes}) == len({theirs for _, theirs in hashes})
    differing = [(payment, found[name]) for name, payment in sent.items() if payment != found[name]]
    assert not differing[:3]
