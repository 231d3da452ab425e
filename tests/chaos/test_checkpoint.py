"""Checkpoints that lose a record, lose all, or are damaged, and a second driver on one: no loss, nothing twice.

The tests run in order and share one stream.
"""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fraud_contracts import LABELS, LOGINS, TRANSACTIONS
from fraud_stream.batches import LEFT_OUT
from fraud_stream.checkpoint_identity import app_id
from fraud_stream.decode import BAD_MAGIC
from fraud_stream.failpoints import Failpoint
from fraud_stream.streams import Layout, Stream, trino_table

# a refusal that needs no Spark
SOON = 15
LAND_SECONDS = 90
BAD = b"\x07 not Avro"
REASONS = "SELECT reason, count(*) FROM {} CROSS JOIN UNNEST(reasons) AS t (reason) GROUP BY reason"

Damage = Callable[[bytes], bytes | None]
# what befalls which file; the names are completed with the number of the newest batch
DAMAGES: dict[str, tuple[str, int, Damage]] = {
    "emptied plan": ("offsets/{}", 0, lambda _: b""),
    "plan cut in the middle": ("offsets/{}", 0, lambda content: content[: len(content) // 2]),
    "plan of other bytes": ("offsets/{}", 0, lambda _: bytes(range(256))),
    "plan before it is missing": ("offsets/{}", -1, lambda _: None),
    "emptied commit record": ("commits/{}", 0, lambda _: b""),
    "emptied beginning": ("sources/0/0", 0, lambda _: b""),
    "emptied id": ("metadata", 0, lambda _: b""),
}


@pytest.fixture(scope="module")
def stream(running: Any, feed: Any, watch: Any) -> Any:
    """The driver, with a few batches of good and bad messages behind it."""
    for _ in range(2):
        send(feed, 100, 5)
        watch.wait_landed(watch.acknowledged(), LAND_SECONDS, running)
    return running


def send(feed: Any, good: int, bad: int) -> None:
    payments = [feed.encode(TRANSACTIONS, feed.transaction()) for _ in range(good)]
    # bad ones between the good ones, the last message too
    for index in range(bad):
        payments.insert(len(payments) * (index + 1) // bad, BAD)
    feed.send(TRANSACTIONS, payments)
    feed.send(LABELS, [feed.encode(LABELS, feed.label()) for _ in range(10)])


def holds(driver: Any) -> dict[str, Any]:
    code, verdict, text = driver.conservation(wait=LAND_SECONDS)
    assert code == 0, text + driver.log.read_text()[-3000:]
    found: dict[str, Any] = verdict
    return found


def newest(bucket: Any, prefix: str) -> int:
    names = [item.key.removeprefix(prefix) for item in bucket.objects.filter(Prefix=prefix)]
    return max(int(name) for name in names if name.isdigit())


@contextmanager
def damaged(bucket: Any, stream: Stream, name: str, step: int, damage: Damage) -> Iterator[str]:
    """One file of a checkpoint is another for a while; gives its name."""
    folder = f"{stream.checkpoint_key}/{name.partition('{')[0]}"
    file = name.format(newest(bucket, folder) + step) if "{" in name else name
    place = bucket.Object(f"{stream.checkpoint_key}/{file}")
    content = place.get()["Body"].read()
    after = damage(content)
    if after is None:
        place.delete()
    else:
        place.put(Body=after)
    yield file
    place.put(Body=content)


def refuse(driver: Any) -> str:
    """What the writer says when it refuses to start: one sentence, and no Java."""
    done = driver.run("bronze-writer")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    sentence: str = done.stderr.splitlines()[-1]
    assert sentence.startswith("fraud-stream: ")
    assert "make restore-checkpoint" in sentence
    return sentence


def restore(driver: Any) -> str:
    done = driver.run("restore-checkpoint", "--why", "a test")
    assert done.returncode == 0, done.stderr
    said: str = " ".join(done.stdout.split())
    return said


def start_again(driver: Any, watch: Any) -> float:
    """Start a driver that has ended; seconds until all that is acknowledged has landed, without a log being changed."""
    began = time.monotonic()
    driver.start()
    watch.wait_landed(watch.acknowledged(), LAND_SECONDS, driver)
    took = time.monotonic() - began
    watch.require_intact_logs()
    return took


def delete_checkpoints(bucket: Any, layout: Layout) -> None:
    for stream in layout.streams:
        bucket.objects.filter(Prefix=f"{stream.checkpoint_key}/").delete()


@pytest.mark.chaos("F6")
def test_a_second_driver_on_one_checkpoint_is_refused(stream: Any, watch: Any, record: Any) -> None:
    watch.require_intact_logs()
    done = stream.run("bronze-writer")
    assert done.returncode == 1
    assert f"another Bronze writer is running (process {stream.process.pid}" in done.stderr
    done = stream.run("restore-checkpoint", "--why", "a test")
    assert done.returncode == 1
    assert "another Bronze writer is running" in done.stderr
    assert stream.process.poll() is None
    watch.require_intact_logs()
    record("F6", "second driver", None, None, holds(stream))


@pytest.mark.integration
@pytest.mark.chaos("F3")
def test_a_lost_commit_record_changes_nothing(
    stream: Any, feed: Any, watch: Any, bucket: Any, layout: Layout, transactions: Stream, record: Any
) -> None:
    assert stream.end(signal.SIGTERM) == 0
    lost = 0
    for one in layout.streams:
        commits = f"{one.checkpoint_key}/commits/"
        if list(bucket.objects.filter(Prefix=commits).limit(1)):
            # Spark plans the same batch again, whose rows are all there
            bucket.Object(f"{commits}{newest(bucket, commits)}").delete()
            lost += 1
    assert lost >= 2
    batch = newest(bucket, f"{transactions.checkpoint_key}/offsets/")
    send(feed, 50, 5)
    waiting = watch.acknowledged()
    stream.start()
    watch.wait_landed(waiting, LAND_SECONDS, stream)
    assert newest(bucket, f"{transactions.checkpoint_key}/commits/") > batch
    watch.require_intact_logs()
    record("F3", "last commit records", None, None, holds(stream))


@pytest.mark.integration
@pytest.mark.chaos("F5")
def test_a_damaged_checkpoint_is_refused_before_spark_starts(
    stream: Any, bucket: Any, transactions: Stream, record: Any
) -> None:
    if stream.process.poll() is None:
        assert stream.end(signal.SIGTERM) == 0
    for kind, (name, step, damage) in DAMAGES.items():
        with damaged(bucket, transactions, name, step, damage) as file:
            began = time.monotonic()
            sentence = refuse(stream)
            assert time.monotonic() - began < SOON, kind
        assert file in sentence, kind
        assert transactions.checkpoint_path in sentence, kind
    record("F5", f"{len(DAMAGES)} kinds of damage, refused", None, None, holds(stream))


@pytest.mark.chaos("F5")
def test_a_damaged_checkpoint_is_restored_from_the_tables(
    stream: Any, feed: Any, watch: Any, bucket: Any, layout: Layout, transactions: Stream, record: Any
) -> None:
    if stream.process.poll() is None:
        assert stream.end(signal.SIGTERM) == 0
    labels = next(one for one in layout.streams if one.contract is LABELS)
    files = [f"{one.checkpoint_key}/offsets/" for one in (transactions, labels)]
    bucket.Object(f"{files[0]}{newest(bucket, files[0])}").put(Body=b"")
    bucket.Object(f"{files[1]}{newest(bucket, files[1]) - 1}").delete()
    refuse(stream)
    send(feed, 50, 5)
    said = restore(stream)
    assert "2 checkpoints written anew" in said
    assert transactions.checkpoint_path in said
    assert restore(stream) == "every checkpoint fits its table"
    took = start_again(stream, watch)
    record("F5", "damaged plans of two streams, restored", took, None, holds(stream))


@pytest.mark.chaos("F4")
@pytest.mark.parametrize("point", [Failpoint.BRONZE_WRITTEN, Failpoint.QUARANTINE_WRITTEN])
def test_a_deleted_checkpoint_is_refused_and_restored_although_its_last_batch_is_half_done(
    stream: Any,
    feed: Any,
    watch: Any,
    bucket: Any,
    layout: Layout,
    transactions: Stream,
    record: Any,
    point: Failpoint,
) -> None:
    if stream.process.poll() is None:
        assert stream.end(signal.SIGTERM) == 0
    stream.start(BRONZE_FAILPOINT=point)
    send(feed, 200, 20)
    assert stream.process.wait(LAND_SECONDS) == -signal.SIGKILL
    delete_checkpoints(bucket, layout)
    # a longer batch than the one that was cut: nobody knows any more where that one ended
    send(feed, 100, 10)
    sentence = refuse(stream)
    assert "was written from checkpoint" in sentence
    # a stream without a message has finished a batch, too: an empty one
    assert f"{len(layout.streams)} checkpoints written anew" in restore(stream)
    took = start_again(stream, watch)
    verdict = holds(stream)
    assert verdict[transactions.topic]["quarantine"] >= 30
    record("F4", f"all checkpoints, one in the middle of a batch ({point})", took, None, verdict)


@pytest.mark.chaos("F4")
def test_a_deleted_checkpoint_is_restored_although_a_streams_first_messages_are_bad_and_nowhere(
    stream: Any, feed: Any, watch: Any, bucket: Any, layout: Layout, record: Any
) -> None:
    if stream.process.poll() is None:
        assert stream.end(signal.SIGTERM) == 0
    stream.start(BRONZE_FAILPOINT=Failpoint.BRONZE_WRITTEN)
    feed.send(LOGINS, [BAD, BAD, *(feed.encode(LOGINS, feed.other(LOGINS)) for _ in range(20)), BAD])
    assert stream.process.wait(LAND_SECONDS) == -signal.SIGKILL
    delete_checkpoints(bucket, layout)
    refuse(stream)
    restore(stream)
    took = start_again(stream, watch)
    verdict = holds(stream)
    (logins,) = (one.topic for one in layout.streams if one.contract is LOGINS)
    assert (verdict[logins]["bronze"], verdict[logins]["quarantine"]) == (20, 3)
    record("F4", "all checkpoints, the first messages of a stream nowhere", took, None, verdict)


@pytest.mark.chaos("F2")
def test_what_a_landed_batch_left_out_is_set_aside(
    stream: Any, feed: Any, watch: Any, bucket: Any, layout: Layout, transactions: Stream, trino: Any, record: Any
) -> None:
    """As after a kill when the version that starts again judges otherwise than the one that landed the batch."""
    if stream.process.poll() is None:
        assert stream.end(signal.SIGTERM) == 0
    stream.start(BRONZE_FAILPOINT=Failpoint.BATCH_PLANNED)
    feed.send(TRANSACTIONS, [*(feed.encode(TRANSACTIONS, feed.transaction()) for _ in range(50)), BAD])
    assert stream.process.wait(LAND_SECONDS) == -signal.SIGKILL
    batch = newest(bucket, f"{transactions.checkpoint_key}/offsets/")
    assert batch > newest(bucket, f"{transactions.checkpoint_key}/commits/"), "it was another stream's batch"
    # the batch has landed, and none of its rows was found good
    own_id = json.loads(bucket.Object(f"{transactions.checkpoint_key}/metadata").get()["Body"].read())["id"]
    log = f"{transactions.table_key}/_delta_log/"
    version = max(int(item.key[-25:-5]) for item in bucket.objects.filter(Prefix=log) if item.key.endswith(".json"))
    landed = {"txn": {"appId": app_id(transactions.table, own_id), "version": batch}}
    bucket.Object(f"{log}{version + 1:020}.json").put(Body=json.dumps(landed).encode())
    before = trino.query(REASONS.format(trino_table(layout.quarantine_table)))
    took = start_again(stream, watch)
    verdict = holds(stream)
    after = trino.query(REASONS.format(trino_table(layout.quarantine_table)))
    assert {reason: rows - dict(before).get(reason, 0) for reason, rows in after} == {LEFT_OUT: 50, BAD_MAGIC: 1}
    record("F2", "a batch that landed without its rows", took, None, verdict)
