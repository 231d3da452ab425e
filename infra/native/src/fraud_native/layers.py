"""How much each layer holds and how new it is, by queries that cost next to nothing."""

import struct
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

from fraud_contracts import BRONZE, CATALOG, GOLD, RAW_TOPICS, SILVER, Topic, schema
from fraud_native.trino_client import connect

# Confluent framing: a zero byte and the schema's id
_FRAME_BYTES = struct.calcsize(">bI")
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Holding:
    """Rows of one table or topic, and its newest event time; None when it has none."""

    layer: str
    name: str
    rows: int
    newest: datetime | None


def holdings(variables: Mapping[str, str], running: set[str]) -> list[Holding]:
    """What the layers hold whose services run; one that does not answer is left out."""
    questions: list[Callable[[], list[Holding]]] = []
    if "kafka" in running:
        questions += [lambda topic=topic: [_topic(variables, topic)] for topic in RAW_TOPICS]  # type: ignore[misc]
    if {"trino", "minio"} <= running:
        questions += [lambda layer=layer: tables(variables, layer) for layer in (BRONZE, SILVER, GOLD)]  # type: ignore[misc]
    if "redis" in running:
        questions.append(lambda: [_online_store(variables)])
    if "postgres" in running:
        questions.append(lambda: [decisions(variables)])
    with ThreadPoolExecutor(max_workers=max(1, len(questions))) as pool:
        return [one for answer in pool.map(_asked, questions) for one in answer]


def _asked(question: Callable[[], list[Holding]]) -> list[Holding]:
    try:
        return question()
    except Exception:  # a table that is not there yet, a server that starts: nothing to show
        return []


def _topic(variables: Mapping[str, str], topic: Topic) -> Holding:
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415 - only when a broker runs

    consumer = Consumer(
        {
            "bootstrap.servers": variables["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "fraud-native-status",
            "enable.auto.commit": False,
            "log_level": 2,
        }
    )
    try:
        partitions = consumer.list_topics(topic.name, timeout=_TIMEOUT_SECONDS).topics[topic.name].partitions
        newest_offsets = []
        rows = 0
        for partition in partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic.name, partition), timeout=_TIMEOUT_SECONDS)
            rows += high - low
            if high > low:
                newest_offsets.append(TopicPartition(topic.name, partition, high - 1))
        times: list[datetime] = []
        if newest_offsets:
            consumer.assign(newest_offsets)
            messages = consumer.consume(len(newest_offsets), timeout=_TIMEOUT_SECONDS)
            found = (event_time(topic, value) for message in messages if (value := message.value()))
            times = [moment for moment in found if moment is not None]
        return Holding("kafka", topic.name, rows, max(times, default=None))
    finally:
        consumer.close()


def event_time(topic: Topic, value: bytes) -> datetime | None:
    """When the event of a message happened; None for a message that nobody can read."""
    from fastavro import parse_schema, schemaless_reader  # noqa: PLC0415

    try:
        record = schemaless_reader(BytesIO(value[_FRAME_BYTES:]), parse_schema(schema(topic)), None)
    except Exception:  # poison takes many forms, and none of them may hide how much the topic holds
        return None
    moment: datetime = record["event_time"]  # type: ignore[index,call-overload,assignment]
    return moment


def tables(variables: Mapping[str, str], layer: str) -> list[Holding]:
    """Every table of a schema of the lakehouse.

    Raises:
        trino.exceptions.Error: Trino does not answer, or refuses.
    """
    cursor = connect(variables, timeout_seconds=_TIMEOUT_SECONDS).cursor()
    # the names come from the catalog, not from a user
    cursor.execute(
        "SELECT table_name, max(if(column_name = 'event_time', 1, 0)) "  # noqa: S608
        f"FROM {CATALOG}.information_schema.columns "
        f"JOIN {CATALOG}.information_schema.tables USING (table_schema, table_name) "
        f"WHERE table_schema = '{layer}' AND table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1"
    )
    parts = [
        f"SELECT '{table}', count(*), CAST({'max(event_time)' if timed else 'NULL'} AS timestamp(6)) "  # noqa: S608
        f'FROM {CATALOG}.{layer}."{table}"'
        for table, timed in cursor.fetchall()
    ]
    if not parts:
        return []
    cursor.execute(" UNION ALL ".join(parts) + " ORDER BY 1")
    return [
        Holding(layer, table, rows, newest.replace(tzinfo=UTC) if newest else None)
        for table, rows, newest in cursor.fetchall()
    ]


def _online_store(variables: Mapping[str, str]) -> Holding:
    import redis  # noqa: PLC0415

    client = redis.Redis(
        host=variables["REDIS_HOST"],
        port=int(variables["REDIS_CONNECT_PORT"]),
        password=variables["REDIS_PASSWORD"],
        socket_timeout=_TIMEOUT_SECONDS,
    )
    try:
        return Holding("redis", "keys", int(client.dbsize()), None)
    finally:
        client.close()


def decisions(variables: Mapping[str, str]) -> Holding:
    """The decisions that the API has logged.

    Raises:
        psycopg.Error: PostgreSQL does not answer, or refuses.
    """
    import psycopg  # noqa: PLC0415

    with psycopg.connect(
        host=variables["POSTGRES_HOST"],
        port=int(variables["POSTGRES_CONNECT_PORT"]),
        dbname="fraud",
        user="fraud_reader",
        password=variables["FRAUD_READER_DB_PASSWORD"],
        connect_timeout=int(_TIMEOUT_SECONDS),
    ) as connection:
        row = connection.execute("SELECT count(*), max(created_at) FROM decisions").fetchone()
    return Holding("postgres", "decisions", row[0], row[1]) if row else Holding("postgres", "decisions", 0, None)
