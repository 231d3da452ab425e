import io
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import fastavro
import httpx
import pytest
import redis
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from fraud_contracts import LOGINS, TRANSACTIONS, recent_key, schema, schema_text
from fraud_contracts import Topic as Contract
from fraud_features import FEATURE_NAMES, Transaction, recent_call
from fraud_features.redis_layout import RECENT_SCRIPT

pytestmark = pytest.mark.integration
Payment = Callable[..., dict[str, Any]]
BASE_US = 1_772_445_600_000_000  # 2026-03-02T10:00:00Z


class Topic:
    """A topic of our own with the contract's schema; nothing of the stack's own topics is touched."""

    def __init__(self, env: dict[str, str], contract: Contract = TRANSACTIONS) -> None:
        self.name = f"sv-{uuid4().hex[:10]}.raw"
        self.env = env
        self.mark = ""
        admin = AdminClient({"bootstrap.servers": env["KAFKA_BOOTSTRAP_SERVERS"]})
        admin.create_topics([NewTopic(self.name, num_partitions=contract.partitions)])[self.name].result(30)
        self._admin = admin
        self._subject = f"{env['SCHEMA_REGISTRY_URL']}/subjects/{self.name}-value"
        body = {"schema": schema_text(contract)}
        registered = httpx.post(f"{self._subject}/versions", json=body, timeout=30)
        self._header = b"\0" + int(registered.raise_for_status().json()["id"]).to_bytes(4, "big")
        self._schema = fastavro.parse_schema(_plain(schema(contract)))
        self._producer = Producer({"bootstrap.servers": env["KAFKA_BOOTSTRAP_SERVERS"], "linger.ms": 20})

    def delete(self) -> None:
        """Leaves broker and registry as they were."""
        self._admin.delete_topics([self.name])[self.name].result(30)
        httpx.delete(self._subject, timeout=30).raise_for_status()

    def send(self, records: Sequence[dict[str, Any]]) -> None:
        for record in records:
            out = io.BytesIO(self._header)
            out.seek(len(self._header))
            fastavro.schemaless_writer(out, self._schema, record)
            self.send_bytes(record["user_id"], out.getvalue())
        assert self._producer.flush(60) == 0

    def send_bytes(self, key: str, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self.name, value, key)
            except BufferError:
                self._producer.poll(0.5)
            else:
                return


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _plain(part) for key, part in node.items() if key != "logicalType"}
    return [_plain(part) for part in node] if isinstance(node, list) else node


def record(number: int, user: str, seconds: float = 0.0, **change: Any) -> dict[str, Any]:
    return {
        "transaction_id": f"{user}-{number}",
        "event_time": BASE_US + int(seconds * 1_000_000),
        "user_id": user,
        "merchant_id": "M-writer",
        "amount": (1_000 + number).to_bytes(4, "big", signed=True),
        **change,
    }


@pytest.fixture(scope="module")
def broker(stack: Any) -> dict[str, str]:
    stack.need("kafka", "schema-registry")
    env: dict[str, str] = stack.env
    return env


def login(number: int, user: str, seconds: float = 0.0, **change: Any) -> dict[str, Any]:
    moment = BASE_US + int(seconds * 1_000_000)
    return {"login_id": f"{user}-l{number}", "event_time": moment, "user_id": user, "outcome": "FAILURE", **change}


@pytest.fixture
def logins(broker: dict[str, str]) -> Iterator[Topic]:
    made = Topic(broker, LOGINS)
    yield made
    made.delete()


@pytest.fixture
def topic(broker: dict[str, str], own_redis: dict[str, str], logins: Topic) -> Iterator[Topic]:
    made = Topic({**broker, **own_redis})
    made.mark = recent_key("writer", f"{made.name}+{logins.name}")
    made.env |= {
        "FRAUD_SERVING_FEATURE_WRITER_TOPIC": made.name,
        "FRAUD_SERVING_FEATURE_WRITER_LOGINS_TOPIC": logins.name,
        "FRAUD_SERVING_FEATURE_WRITER_GROUP": f"{made.name}-writer",
    }
    yield made
    made.delete()


@pytest.fixture
def store(own_redis: dict[str, str]) -> Iterator[redis.Redis]:
    with redis.Redis(port=int(own_redis["REDIS_CONNECT_PORT"]), password=own_redis["REDIS_PASSWORD"]) as client:
        yield client


@pytest.fixture
def start_writer(topic: Topic, tmp_path: Path, run_process: Any) -> Callable[..., Any]:
    """``with start_writer() as process``: a feature writer on the test's own topic and Redis."""

    @contextmanager
    def start(*arguments: str) -> Iterator[Any]:
        env = {**topic.env, "FEATURE_WRITER_METRICS_PORT": str(run_process.free_port())}
        with run_process(["feature-writer", *arguments], env, tmp_path / "writer.log") as process:
            yield process

    return start


def backlog(topic: Topic, run_process: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [run_process.command, "backlog", *arguments], env=topic.env, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def contents(store: redis.Redis) -> dict[str, Any]:
    """Everything the recent-events script keeps, without when it expires."""
    kept: dict[str, Any] = {}
    for key in store.keys("recent:*"):
        kind = store.type(key)
        if kind == b"zset":
            kept[key.decode()] = store.zrange(key, 0, -1, withscores=True)
        elif kind == b"hash":
            kept[key.decode()] = store.hgetall(key)
    return kept


def test_history_is_written_counted_and_committed(
    topic: Topic, store: redis.Redis, start_writer: Any, run_process: Any
) -> None:
    topic.send([record(number, f"u{number % 7}", number) for number in range(60)])
    code, before = backlog(topic, run_process, "--wait", "0.1")
    # No partition has a commit yet: all of them count from their beginning.
    assert (code, before["lag"], before["caught_up"]) == (1, 60, False)
    assert len(before["topics"][topic.name]) == TRANSACTIONS.partitions
    with start_writer() as writer:
        code, after = backlog(topic, run_process, "--wait", "60")
        assert (code, after["lag"], after["caught_up"]) == (0, 0, True)
        assert sum(store.zcard(recent_key("user", f"u{user}")) for user in range(7)) == 60
        assert store.zcard(recent_key("merchant", "M-writer")) == 60
        run_process.eventually(lambda: store.get(topic.mark), what="the caught-up mark")
        assert writer.stop() == 0


def test_poison_is_left_out_and_stops_nothing(
    topic: Topic, store: redis.Redis, start_writer: Any, run_process: Any
) -> None:
    good = [record(number, "u1", number) for number in range(3)]
    topic.send(good[:1])
    for value in (b"", b"\0", b"random bytes", b"\0\0\0\xff\xff", b"\0\x7f\xff\xff\xff" + b"unknown schema"):
        topic.send_bytes("u1", value)
    far_future = record(9, "u1", 0, event_time=4_102_444_800_000_000)
    topic.send([far_future, record(8, "u1", 0, amount=b"\0"), *good[1:]])
    with start_writer():
        run_process.eventually(lambda: store.zcard(recent_key("user", "u1")) == 3, what="three payments in Redis")
        assert backlog(topic, run_process, "--wait", "30")[0] == 0
        assert store.zcard(recent_key("user", "u1")) == 3


def test_the_api_and_the_writer_write_one_event_once(
    topic: Topic,
    store: redis.Redis,
    start_api: Any,
    start_writer: Any,
    payment: Payment,
    decision_of: Any,
    run_process: Any,
) -> None:
    first = payment()
    user = first["user_id"]
    sent = record(0, user, transaction_id=first["transaction_id"], amount=(2550).to_bytes(2, "big"))
    with start_api(**topic.env) as api:
        unaware = api.predict(**first).json()
        # Until the writer has read everything, a short window may be an incomplete one.
        assert "recent_incomplete" in unaware["flags"]
        topic.send([sent, sent])
        with start_writer():
            run_process.eventually(lambda: store.get(topic.mark), what="the caught-up mark")
            assert store.zcard(recent_key("user", user)) == 1
            second = payment(event_time="2026-03-02T10:00:30Z")
            aware = api.predict(**second).json()
            assert "recent_incomplete" not in aware["flags"]
            vector = dict(zip(FEATURE_NAMES, decision_of(second["transaction_id"])["vector"], strict=True))
            assert [vector[name] for name in vector if name.endswith("transactions_count_1m")] == [1]


def test_logins_reach_the_vector_of_the_next_payment(
    topic: Topic,
    logins: Topic,
    store: redis.Redis,
    start_api: Any,
    start_writer: Any,
    payment: Payment,
    decision_of: Any,
    run_process: Any,
) -> None:
    scored = payment(event_time="2026-03-02T10:00:30Z")
    user = scored["user_id"]
    # one of them twice, one that was met, one of another user, one of ten minutes ago, one that comes later
    failed = [login(1, user, 10), login(2, user, 20), login(3, user, -600), login(4, user, 31)]
    logins.send([*failed, failed[0], login(5, user, 5, outcome="SUCCESS"), login(6, "other", 5)])
    logins.send_bytes(user, b"no login")
    with start_api(**topic.env) as api, start_writer():
        run_process.eventually(lambda: store.get(topic.mark), what="the caught-up mark")
        answer = api.predict(**scored).json()
        assert "user_logins_missing" not in answer["flags"]
        vector = dict(zip(FEATURE_NAMES, decision_of(scored["transaction_id"])["vector"], strict=True))
        assert vector["user_failed_logins_count_10m"] == 2
        assert vector["user_failed_logins_count_24h"] == 3
        # a payment adds nothing to the logins
        assert store.zcard(recent_key("login", user)) == 5


def test_a_redis_that_lost_its_memory_is_filled_again(
    topic: Topic, logins: Topic, store: redis.Redis, start_writer: Any, run_process: Any
) -> None:
    topic.send([record(number, f"u{number % 5}", number) for number in range(50)])
    logins.send([login(number, f"u{number % 5}", number) for number in range(30)])
    with start_writer():
        run_process.eventually(lambda: store.get(topic.mark), what="the caught-up mark")
        complete = contents(store)
        store.flushall()
        run_process.eventually(lambda: store.get(topic.mark), what="the second caught-up mark")
        assert contents(store) == complete


def test_offsets_of_a_redis_that_lost_its_memory_are_no_proof(
    topic: Topic, store: redis.Redis, start_writer: Any, run_process: Any
) -> None:
    topic.send([record(number, f"u{number % 5}", number) for number in range(50)])
    with start_writer() as writer:
        assert backlog(topic, run_process, "--wait", "60")[0] == 0
        assert writer.stop() == 0
    store.flushall()
    code, lost = backlog(topic, run_process, "--wait", "0.1")
    assert (code, lost["lag"], lost["caught_up"]) == (1, 0, False)
    with start_writer():
        assert backlog(topic, run_process, "--wait", "60")[0] == 0
        assert sum(store.zcard(recent_key("user", f"u{user}")) for user in range(5)) == 50


def test_killed_at_any_moment_it_loses_and_doubles_nothing(
    topic: Topic, store: redis.Redis, start_writer: Any, run_process: Any
) -> None:
    topic.send([record(number, f"u{number % 11}", number) for number in range(200)])
    with start_writer() as writer:
        run_process.eventually(store.dbsize, what="a first write")
        writer.kill()
    topic.send([record(number, f"u{number % 11}", number) for number in range(200, 260)])
    with start_writer() as writer:
        assert backlog(topic, run_process, "--wait", "60")[0] == 0
        assert sum(store.zcard(recent_key("user", f"u{user}")) for user in range(11)) == 260


def test_a_bulk_read_leaves_what_one_by_one_would(
    topic: Topic, store: redis.Redis, start_writer: Any, run_process: Any
) -> None:
    """4,000 payments of six days, out of order within the hour, with duplicates, read as one batch."""
    rows = []
    for number in range(4_000):
        second = number * 130 - (number * 7919) % 3600
        rows.append(
            record(number, f"u{number % 23}", second, device_id=f"d{number % 301}", merchant_id=f"m{number % 5}")
        )
    rows[100:100] = rows[:50]
    topic.send(rows)
    with start_writer():
        assert backlog(topic, run_process, "--wait", "60")[0] == 0
        bulk = contents(store)
    store.flushall()
    # As Kafka gives them: the order within a user's partition; across partitions the result must not depend on it.
    script = store.register_script(RECENT_SCRIPT)
    for row in rows:
        call = recent_call(
            Transaction(
                transaction_id=row["transaction_id"],
                event_us=row["event_time"],
                user_id=row["user_id"],
                merchant_id=row["merchant_id"],
                amount_cents=int.from_bytes(row["amount"], "big"),
                device_id=row["device_id"],
            ),
            "add",
        )
        script(keys=call.keys, args=call.args)
    assert bulk == contents(store)
