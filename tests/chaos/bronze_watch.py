"""What faults of the Bronze driver are watched with: steady traffic, how far the stream has come, Delta's logs."""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_stream import object_store
from fraud_stream.errors import StreamError
from fraud_stream.ledger import read_ledger
from fraud_stream.positions import Checkpoints
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout

# payments a second, and what of them Bronze must set aside
RATE = 500
POISON_SHARE = 0.05
PIECES_A_SECOND = 5
# a second's payments are acknowledged by then, however busy the machine is
SENT_SECONDS = 30

Ends = dict[str, dict[int, int]]


@contextmanager
def traffic(feed: Any) -> Iterator[None]:
    """Good and bad payments and a few labels, all the time, by the feed's own producer and ledger."""
    stop = threading.Event()
    size = RATE // PIECES_A_SECOND
    bad = round(size * POISON_SHARE)
    payments = [feed.encode(TRANSACTIONS, feed.transaction()) for _ in range(size - bad)] + [b"\x07 not Avro"] * bad
    labels = [feed.encode(LABELS, feed.label()) for _ in range(3)]
    failed: list[BaseException] = []

    def send() -> None:
        try:
            while not stop.wait(1 / PIECES_A_SECOND):
                feed.send(TRANSACTIONS, payments)
                feed.send(LABELS, labels)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=send, name="traffic")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]


class BronzeWatch:
    """Looks at one stream past the driver: at its checkpoints, its ledger and its tables' logs in the object store."""

    def __init__(self, settings: WriterSettings, layout: Layout, ledger: Path, bucket: Any) -> None:
        self._layout = layout
        self._ledger = ledger
        self._bucket = bucket
        self._checkpoints = Checkpoints(object_store.connect(settings), layout)
        # every log entry ever seen, and what was in it
        self._entries: dict[str, str] = {}

    def acknowledged(self) -> Ends:
        """The offset after the last message of each partition that a producer has been told is safe."""
        return {
            stream.topic: {
                partition: max(offsets.ranges[-1][1] for offsets in by_times.values())
                for partition, by_times in read_ledger(self._ledger, stream.topic).items()
            }
            for stream in self._layout.streams
        }

    def sent_from_now(self) -> Ends:
        """What has been acknowledged a second of :func:`traffic` later: the end of it was not sent before this call."""
        (payments,) = (stream.topic for stream in self._layout.streams if stream.contract is TRANSACTIONS)
        # so many fill several pieces, and a piece is sent when the one before it has been acknowledged
        enough = sum(self.acknowledged()[payments].values()) + RATE
        began = time.monotonic()
        while True:
            found = self.acknowledged()
            if sum(found[payments].values()) >= enough:
                return found
            assert time.monotonic() - began < SENT_SECONDS, "there is no traffic"
            time.sleep(0.2)

    def has_landed(self, ends: Mapping[str, Mapping[int, int]]) -> bool:
        """Whether the stream has finished everything before these offsets."""
        try:
            positions = self._checkpoints.read()
        except StreamError:
            return False
        return all(
            positions[topic].ends.get(partition, 0) >= end
            for topic, by_partition in ends.items()
            for partition, end in by_partition.items()
        )

    def wait_landed(self, ends: Mapping[str, Mapping[int, int]], seconds: float, driver: Any) -> float:
        """Wait until everything before these offsets has landed; after how many seconds it had."""
        began = time.monotonic()
        while not self.has_landed(ends):
            waited = time.monotonic() - began
            assert waited < seconds, f"not landed after {waited:.0f} s\n{driver.log.read_text()[-3000:]}"
            time.sleep(0.4)
        return time.monotonic() - began

    def foldings(self, tables: Iterable[str]) -> int:
        """How many entries of these tables' logs say that small files were folded."""
        return sum(
            json.loads(line).get("commitInfo", {}).get("operation") == "OPTIMIZE"
            for table in tables
            for item in self._bucket.objects.filter(Prefix=f"{self._layout.tables()[table]}/_delta_log/")
            if item.key.endswith(".json")
            for line in item.get()["Body"].read().splitlines()
        )

    def require_intact_logs(self) -> None:
        """Every table's log has no hole, and no entry that was seen before is gone or another (I5)."""
        for key in self._layout.tables().values():
            prefix = f"{key}/_delta_log/"
            found = {
                item.key: item.e_tag
                for item in self._bucket.objects.filter(Prefix=prefix)
                if item.key.endswith(".json")
            }
            versions = sorted(int(name.removeprefix(prefix).removesuffix(".json")) for name in found)
            assert versions == list(range(len(versions))), f"{prefix} has holes: {versions}"
            before = {name: tag for name, tag in self._entries.items() if name.startswith(prefix)}
            assert before.items() <= found.items(), f"{prefix}: {before.items() - found.items()} is another now"
            self._entries.update(found)
