"""Messages that nobody can use, of every kind, a few of them, many, and nothing else: the stream goes on.

All of them are in quarantine and on the dead letter topic, with their reasons and their encrypted bytes, and nothing of
them is in Bronze. The tests run in order and share one stream.
"""

import hashlib
import json
import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from prometheus_client.parser import text_string_to_metric_families

from fraud_contracts import EXTERNAL_ALERTS, LOGINS, TRANSACTIONS, Topic, schema
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, Stream, trino_table

MIB = 1024 * 1024
# what the platform's topics do not take, and what these are told to take
LARGE = 10 * MIB
LARGEST = 12 * MIB
LAND_SECONDS = 120
PAN = "4111111111111111"
THROUGHPUT_MESSAGES = 30_000
THROUGHPUT_PAIRS = 3
# of clean messages' throughput, with a tenth of poison
LEAST_SHARE = 0.5
NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"], "default": None}]}


@dataclass(frozen=True)
class Poison:
    """A message that must not reach Bronze, and why."""

    topic: Topic
    value: bytes | None
    reasons: frozenset[str]


def poisons(feed: Any, chaos: Any) -> dict[str, Poison]:
    """One message of every kind; the random ones are drawn by the seed."""
    good: bytes = feed.encode(TRANSACTIONS, feed.transaction(amount=Decimal("1.00")))
    header = good[:5]

    def of(topic: Topic, value: bytes | None, *reasons: str) -> Poison:
        return Poison(topic, value, frozenset(reasons))

    def payment(reason: str, **changes: Any) -> Poison:
        return of(TRANSACTIONS, feed.encode(TRANSACTIONS, feed.transaction(**changes)), reason)

    nested = b"[" * 20_000 + b"]" * 20_000
    without_end, schema_id = chain(feed, 500)
    alert = feed.other(EXTERNAL_ALERTS, description=f"the card {PAN[:4]} {PAN[4:8]} {PAN[8:12]} {PAN[12:]} was sold")
    login = feed.other(LOGINS, failure_reason=f"typed {PAN} as password")
    return {
        "random bytes": of(TRANSACTIONS, b"\x07" + chaos.random.randbytes(300), "bad_magic_byte"),
        "random body": of(TRANSACTIONS, header + chaos.random.randbytes(300), "undecodable_body"),
        "wrong magic byte": of(TRANSACTIONS, b"\x01" + good[1:], "bad_magic_byte"),
        "unknown schema id": of(TRANSACTIONS, b"\x00\x00\x0f\x42\x3f" + good[5:], "unknown_schema_id"),
        "truncated Avro": of(TRANSACTIONS, good[:-9], "undecodable_body"),
        "no value": of(TRANSACTIONS, None, "null_value"),
        "deep nesting, JSON": of(TRANSACTIONS, nested, "bad_magic_byte"),
        f"deep nesting, schema {schema_id}": of(TRANSACTIONS, without_end, "unusable_schema"),
        "invalid UTF-8": of(TRANSACTIONS, good.replace(b"EUR", b"\xff\xfeR"), "text_encoding", "currency_format"),
        "not a number": payment("latitude_range", latitude=math.nan),
        "infinite": payment("longitude_range", longitude=math.inf),
        "card number as hash": payment("card_hash_format", card_hash=PAN),
        "card number in an alert": of(
            EXTERNAL_ALERTS, feed.encode(EXTERNAL_ALERTS, alert), "card_number_in_description"
        ),
        "card number in a login": of(LOGINS, feed.encode(LOGINS, login), "card_number_in_failure_reason"),
    }


def chain(feed: Any, length: int) -> tuple[bytes, int]:
    """A payment of a schema whose new field contains itself, and that schema's id."""
    newer = schema(TRANSACTIONS)
    newer["fields"].append({"name": "chain", "type": ["null", NODE], "default": None})
    schema_id = feed.register(feed.streams[TRANSACTIONS.name], newer)
    # the field comes last: every link is one byte, and the last one ends the chain
    shortest: bytes = feed.encode(TRANSACTIONS, feed.transaction(chain=None), newer, schema_id)
    return shortest[:-1] + b"\x02" * length + b"\x00", schema_id


@pytest.fixture(scope="module")
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"BRONZE_MAX_OFFSETS_PER_TRIGGER": "60000"}


class DeadLetters:
    """What came to the dead letter topics since the last look."""

    def __init__(self, address: str, layout: Layout) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": address, "group.id": "chaos", "fetch.message.max.bytes": LARGEST, "log_level": 2}
        )
        topics = [stream.dead_letter_topic for stream in layout.streams]
        known = self._consumer.list_topics(timeout=10).topics
        places = [TopicPartition(topic, partition, 0) for topic in topics for partition in known[topic].partitions]
        self._consumer.assign(places)

    def take(self, count: int) -> dict[str, Message]:
        """The next ``count`` letters by the coordinates that are their keys; fewer when no more come."""
        found: dict[str, Message] = {}
        deadline = time.monotonic() + 30
        while len(found) < count and time.monotonic() < deadline:
            for message in self._consumer.consume(500, timeout=1):
                assert message.error() is None
                found[message.key().decode()] = message
        return found

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture(scope="module")
def letters(environment: dict[str, str], layout: Layout, feed: Any) -> Iterator[DeadLetters]:
    letters = DeadLetters(environment["KAFKA_BOOTSTRAP_SERVERS"], layout)
    yield letters
    letters.close()


def mix(good: list[bytes], bad: list[bytes | None]) -> list[bytes | None]:
    """The bad ones evenly between the good ones."""
    mixed: list[bytes | None] = list(good)
    for index, value in enumerate(bad):
        mixed.insert(index * (len(mixed) // len(bad)), value)
    return mixed


def set_aside(trino: Any, layout: Layout) -> dict[str, frozenset[str]]:
    """The reasons of everything in quarantine, by coordinates."""
    rows = trino.query(f"SELECT _topic, _partition, _offset, reasons FROM {trino_table(layout.quarantine_table)}")
    return {f"{topic}-{partition}-{offset}": frozenset(reasons) for topic, partition, offset, reasons in rows}


@pytest.mark.chaos("F14")
@pytest.mark.parametrize(
    ("share", "count"), [(0.001, 14_000), (0.1, 5_000), (1.0, 1_000)], ids=["0.1 %", "10 %", "100 %"]
)
def test_poison_of_every_kind_is_set_aside_and_the_stream_goes_on(
    running: Any,
    feed: Any,
    watch: Any,
    letters: DeadLetters,
    layout: Layout,
    trino: Any,
    chaos: Any,
    record: Any,
    writer_settings: WriterSettings,
    bronze_stream: ModuleType,
    share: float,
    count: int,
) -> None:
    kinds = poisons(feed, chaos)
    repeated = [*kinds.values()] * math.ceil(count * share / len(kinds))
    before = set_aside(trino, layout)
    expected: dict[str, Poison] = {}
    for topic in {poison.topic for poison in repeated}:
        bad = [poison for poison in repeated if poison.topic is topic]
        good = [feed.encode(topic, feed.transaction())] * (count - len(repeated)) if topic is TRANSACTIONS else []
        values = mix(good, [poison.value for poison in bad]) if good else [poison.value for poison in bad]
        # a sender may key alerts by what they are about, and then the key is as secret as the message
        places = feed.send(topic, values, key=PAN if topic is EXTERNAL_ALERTS else None)
        known = {poison.value: poison for poison in bad}
        name = feed.streams[topic.name].topic
        expected |= {
            f"{name}-{partition}-{offset}": known[value]
            for value, (partition, offset) in zip(values, places, strict=True)
            if value in known
        }
    assert len(expected) == len(repeated)
    watch.wait_landed(watch.acknowledged(), LAND_SECONDS, running)
    assert running.process.poll() is None
    after = set_aside(trino, layout)
    assert {place: reasons for place, reasons in after.items() if place not in before} == {
        place: poison.reasons for place, poison in expected.items()
    }
    copies = letters.take(len(expected))
    assert {
        place: bronze_stream.in_clear(letter, writer_settings.quarantine_key_bytes) for place, letter in copies.items()
    } == {place: poison.value for place, poison in expected.items()}
    sample = dict(list(expected.items())[: len(kinds)])
    assert shown(running, sample) == {place: poison.value for place, poison in sample.items()}
    code, verdict, text = running.conservation(wait=30)
    assert code == 0, text
    record("F14", f"{share:.1%} poison of {len(kinds)} kinds", None, None, verdict)


def shown(driver: Any, places: dict[str, Poison]) -> dict[str, bytes | None]:
    """The bytes that quarantine gives back."""
    arguments = [argument for place in places for argument in ("--at", place)]
    done = driver.run("dlq", "show", "--why", "test", "--limit", "1000", *arguments)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        f"{one['topic']}-{one['partition']}-{one['offset']}": one["payload"] and bytes.fromhex(one["payload"])
        for one in found
    }


@pytest.mark.chaos("F14")
def test_no_card_number_is_in_anything_that_bronze_wrote(
    running: Any, layout: Layout, bucket: Any, trino: Any, record: Any
) -> None:
    """After the poison: in no text of Bronze, no file of its tables, no letter and no line of its log.

    Neither in one piece nor in groups.
    """
    pans = (PAN, f"{PAN[:4]} {PAN[4:8]} {PAN[8:12]} {PAN[12:]}")
    for stream in layout.streams:
        columns = trino.query(f"DESCRIBE {trino_table(stream.table)}")
        texts = [name for name, kind, *_ in columns if kind.startswith("varchar")]
        joined = ", ".join(f"coalesce({name}, '')" for name in texts)
        for pan in pans:
            ((count,),) = trino.query(
                f"SELECT count(*) FROM {trino_table(stream.table)} WHERE strpos(concat_ws('|', {joined}), ?) > 0", [pan]
            )
            assert count == 0, stream.table
    for key in layout.tables().values():
        for item in bucket.objects.filter(Prefix=f"{key}/"):
            content = item.get()["Body"].read()
            assert not any(pan.encode() in content for pan in pans), item.key
    places = set_aside(trino, layout)
    assert places, "nothing was set aside: the tests before this one did not run"
    from_the_beginning = DeadLetters(running.environment["KAFKA_BOOTSTRAP_SERVERS"], layout)
    try:
        found = from_the_beginning.take(len(places))
    finally:
        from_the_beginning.close()
    assert set(found) == set(places)
    for place, letter in found.items():
        parts = [letter.key(), letter.value() or b"", *(value for _, value in letter.headers())]
        assert not any(pan.encode() in part for pan in pans for part in parts), place
    assert not any(pan in line for pan in pans for line in running.log.read_text().splitlines())
    code, verdict, text = running.conservation(wait=30)
    assert code == 0, text
    record("F14", "card numbers, looked for in all that was written", None, None, verdict)


def pass_by(value: bytes, running: Any, feed: Any, watch: Any) -> str:
    """Send one message, with good ones behind it, and wait until the stream has passed them all; its coordinates."""
    ((partition, offset),) = feed.send(TRANSACTIONS, [value])
    feed.send_good(50)
    watch.wait_landed(watch.acknowledged(), LAND_SECONDS, running)
    assert running.process.poll() is None
    return f"{feed.streams[TRANSACTIONS.name].topic}-{partition}-{offset}"


@pytest.mark.chaos("F14")
def test_a_message_of_10_mb_is_refused_by_the_broker_or_set_aside(
    running: Any,
    feed: Any,
    watch: Any,
    letters: DeadLetters,
    layout: Layout,
    transactions: Stream,
    trino: Any,
    chaos: Any,
    record: Any,
    writer_settings: WriterSettings,
    bronze_stream: ModuleType,
) -> None:
    header = feed.encode(TRANSACTIONS, feed.transaction())[:5]
    large = header + chaos.random.randbytes(LARGE)
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        feed.send(TRANSACTIONS, [large])
    limit(running.environment, LARGEST, transactions.topic, transactions.dead_letter_topic)
    place = pass_by(large, running, feed, watch)
    assert set_aside(trino, layout)[place] == {"undecodable_body"}
    (letter,) = letters.take(1).values()
    copy = bronze_stream.in_clear(letter, writer_settings.quarantine_key_bytes)
    assert copy is not None
    assert hashlib.sha256(copy).digest() == hashlib.sha256(large).digest()
    code, verdict, text = running.conservation(wait=30)
    assert code == 0, text
    record("F14", "a message of 10 MB", None, None, verdict)


@pytest.mark.chaos("F14")
def test_a_letter_that_is_too_large_costs_the_copy_and_not_the_message(
    running: Any,
    feed: Any,
    watch: Any,
    letters: DeadLetters,
    layout: Layout,
    transactions: Stream,
    trino: Any,
    chaos: Any,
    record: Any,
) -> None:
    limit(running.environment, LARGEST, transactions.topic)
    limit(running.environment, MIB, transactions.dead_letter_topic)
    failed, copied = letters_told(running, transactions)
    without_letter = pass_by(b"\x07" + chaos.random.randbytes(2 * MIB), running, feed, watch)
    assert letters_told(running, transactions) == (failed + 1, copied)
    said = f"no copy on {transactions.dead_letter_topic}: "
    *_, why = [line for line in running.log.read_text().splitlines() if said in line]
    # Spark's words about the failed task and, in the same line, Kafka's
    assert "RecordTooLargeException" in why
    with_letter = pass_by(b"\x07 not Avro", running, feed, watch)
    assert set(letters.take(1)) == {with_letter}
    assert {without_letter, with_letter} <= set(set_aside(trino, layout))
    assert letters_told(running, transactions) == (failed + 1, copied + 1)
    code, verdict, text = running.conservation(wait=30)
    assert code == 0, text
    record("F14", "a letter that its topic does not take", None, None, verdict)


def letters_told(driver: Any, stream: Stream) -> tuple[float, float]:
    """Batches whose dead letters failed, and letters of messages with another magic byte, as Prometheus is told."""
    samples = [one for family in text_string_to_metric_families(driver.metrics()) for one in family.samples]

    def counted(name: str, **labels: str) -> float:
        labels["topic"] = stream.topic
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    return (
        counted("fraud_stream_dead_letter_failures_total"),
        counted("fraud_stream_dead_letter_reasons_total", reason="bad_magic_byte"),
    )


def limit(environment: dict[str, str], size: int, *topics: str) -> None:
    """Let the broker take messages of up to this size on these topics."""
    admin = AdminClient({"bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"]})
    size = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    wanted = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[size]) for name in topics]
    for future in admin.incremental_alter_configs(wanted).values():
        future.result(30)


@pytest.mark.chaos("F14")
def test_a_tenth_of_poison_costs_less_than_half_of_the_throughput(
    running: Any, feed: Any, watch: Any, signals: ModuleType, chaos: Any, record: Any
) -> None:
    good = [feed.encode(TRANSACTIONS, feed.transaction()) for _ in range(1000)]
    bad = [poison.value for poison in poisons(feed, chaos).values() if poison.topic is TRANSACTIONS]
    # small ones: what is asked is what judging, setting aside and copying cost
    bad = [value for value in bad if value is None or len(value) < 1000]
    clean: list[bytes | None] = [good[index % len(good)] for index in range(THROUGHPUT_MESSAGES)]
    dirty = [bad[index % len(bad)] if index % 10 == 5 else value for index, value in enumerate(clean)]
    rates: dict[str, list[float]] = {"clean": [], "dirty": []}
    for _ in range(THROUGHPUT_PAIRS + 1):
        for kind, values in (("clean", clean), ("dirty", dirty)):
            with signals.paused(*signals.family(running.process.pid)):
                feed.send(TRANSACTIONS, values)
                waiting = watch.acknowledged()
            rates[kind].append(THROUGHPUT_MESSAGES / watch.wait_landed(waiting, LAND_SECONDS, running))
    # the first pair warms up the code that Spark generates
    shares = [dirty / clean for clean, dirty in zip(rates["clean"][1:], rates["dirty"][1:], strict=True)]
    said = {kind: [round(rate) for rate in found] for kind, found in rates.items()}
    print(f"messages a second: {said}, shares {[round(share, 2) for share in shares]}")
    code, verdict, text = running.conservation(wait=30)
    assert code == 0, text
    share = statistics.median(shares)
    record("F14", f"throughput with 10 % poison: {share:.2f} of clean", None, None, verdict)
    assert share >= LEAST_SHARE, said
