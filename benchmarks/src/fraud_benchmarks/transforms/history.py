"""One history on its way from the simulator to Gold, by the platform's own producer, Bronze writer and dbt steps."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from fraud_benchmarks.bronze.landed import Landed, compare
from fraud_benchmarks.bronze_writer import BronzeWriter, bronze_namespace, running
from fraud_benchmarks.comparing import Say
from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.platform_stack import PlatformStack
from fraud_benchmarks.transforms.lake import KEPT_IN, Content, Lake, lake
from fraud_benchmarks.transforms.pipeline import Build, Pipeline
from fraud_benchmarks.transforms.timeline import Events
from fraud_contracts import BRONZE, LABELS, TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.feeding import feed
from fraud_producer.ledger import Ledger
from fraud_producer.producer import EventProducer
from fraud_producer.stopping import Stop
from fraud_stream.broker import Broker
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.streams import Stream

# nobody measures how long the landing takes
_TRIGGER: Final = "1s"
_POLL_SECONDS: Final = 2.0
# A message that has not landed while nothing else landed for so long is lost.
_PATIENCE_SECONDS: Final = 180.0
_FLUSH_SECONDS: Final = 120.0
NOTHING_LOST: Final = Landed(0, 0)


@dataclass(slots=True)
class History:
    """A history, its part that has landed in Bronze, and the Silver and Gold made of it."""

    name: str
    writer: BronzeWriter
    lake: Lake
    pipeline: Pipeline
    events: Events
    say: Say
    # rows of Bronze by table, after the last landing
    bronze: dict[str, int]

    def land(self, until_us: int) -> Landed:
        """Send everything before a moment that was not sent yet, and wait until Bronze has it.

        Raises:
            BenchmarkError: Bronze does not go on.
        """
        begun = time.monotonic()
        own = self._streams()
        with running(self.writer):
            if not self.bronze:
                self.lake.register(self.writer.layout)
            sent = self._send(self.events.until(until_us))
            found = self._wait()
        self.bronze = {stream.contract.table: self.lake.rows(f"{BRONZE}.{stream.contract.table}") for stream in own}
        held = ", ".join(f"{rows:,} {table}" for table, rows in self.bronze.items())
        self.say(f"{self.name}: {sent:,} messages sent and landed in {time.monotonic() - begun:.0f} s; {held} in all")
        return found

    def build(self, *, full_refresh: bool) -> Build:
        """Run the dbt steps.

        Raises:
            BenchmarkError: a model cannot be built; the message names it and holds Trino's answer.
        """
        what = "full refresh" if full_refresh else "increment"
        self.say(f"{self.name}: {what}")
        build = self.pipeline.run(self.say, full_refresh=full_refresh)
        self.say(f"{self.name}: {what} took {build.seconds:.1f} s")
        return build

    def layers(self) -> Landed:
        """Whether Silver and Gold have a row for each message of Bronze; the simulator repeats none."""
        found = NOTHING_LOST
        for table, models in KEPT_IN.items():
            for model in models:
                one = differing_rows(self.bronze[table], self.lake.rows(model))
                if one != NOTHING_LOST:
                    self.say(f"{self.name}: {model} lacks {one.lost} rows of Bronze and has {one.duplicated} too many")
                found = together(found, one)
        return found

    def compared(self, incremental: Mapping[str, Content]) -> Landed:
        """What an increment had made of the tables against what they are now, after a full refresh."""
        rebuilt = self.lake.contents()
        for table, one in (differences := differing_tables(incremental, rebuilt)).items():
            self.say(f"{self.name}: after the increment {table} lacked {one.lost} rows and had {one.duplicated} wrong")
        return together(*differences.values())

    def _streams(self) -> list[Stream]:
        return [stream for stream in self.writer.layout.streams if stream.contract in (TRANSACTIONS, LABELS)]

    def _send(self, events: Iterator[Event]) -> int:
        env = self.writer.env
        # the contracts' topics under the names of the namespace
        own = {stream.contract.name: replace(stream.contract, name=stream.topic) for stream in self._streams()}
        with (
            Ledger(self.writer.folder / "ledger") as ledger,
            EventProducer(
                env["KAFKA_BOOTSTRAP_SERVERS"], env["SCHEMA_REGISTRY_URL"], ledger, topics=own.values()
            ) as producer,
        ):
            sent = feed(producer, (event._replace(topic=own[event.topic.name]) for event in events), Stop())
            producer.flush(_FLUSH_SECONDS)
        producer.require_complete()
        return sent

    def _wait(self) -> Landed:
        broker = Broker(self.writer.env["KAFKA_BOOTSTRAP_SERVERS"])
        return together(*(self._wait_for(stream, broker.offsets(stream.topic)) for stream in self._streams()))

    def _wait_for(self, stream: Stream, spans: Mapping[int, tuple[int, int]]) -> Landed:
        newest: dict[int, int] = {}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        wanted = {partition: end - 1 for partition, (begin, end) in spans.items() if end > begin}
        while newest != wanted:
            if (found := self.lake.newest_offsets(stream.contract.table)) != newest:
                newest, deadline = found, time.monotonic() + _PATIENCE_SECONDS
            elif time.monotonic() > deadline:
                raise BenchmarkError(
                    f"Bronze has offsets up to {newest} of {stream.topic}, which ends with {wanted}: "
                    f"see {self.writer.folder / 'bronze-writer.log'}"
                )
            else:
                time.sleep(_POLL_SECONDS)
        return compare(self.lake.coordinates(stream.contract.table), spans)


def together(*found: Landed) -> Landed:
    """The sums."""
    return Landed(sum(one.lost for one in found), sum(one.duplicated for one in found))


def differing_rows(wanted: int, there: int) -> Landed:
    """What two counts tell."""
    return Landed(max(0, wanted - there), max(0, there - wanted))


def differing_tables(there: Mapping[str, Content], wanted: Mapping[str, Content]) -> dict[str, Landed]:
    """By table, the rows that are missing and those that should not be there, at least; equal tables are left out.

    Of two tables with as many rows and another checksum one row at least is missing, and another is in its place.
    """
    nothing = Content(0, "")
    found = {}
    for table in sorted(there.keys() | wanted.keys()):
        ours, theirs = there.get(table, nothing), wanted.get(table, nothing)
        if ours.rows != theirs.rows:
            found[table] = differing_rows(theirs.rows, ours.rows)
        elif ours != theirs:
            found[table] = Landed(1, 1)
    return found


@contextmanager
def history(stack: PlatformStack, lakehouse: Lakehouse, name: str, events: Events, say: Say) -> Iterator[History]:
    """A history of which nothing has been sent yet; all that is made of it is removed in the end."""
    with bronze_namespace(stack, _TRIGGER) as writer, lake(stack, lakehouse, writer.layout.namespace) as made:
        state = {
            "DBT_TARGET_PATH": str(writer.folder / "dbt" / "target"),
            "DBT_LOG_PATH": str(writer.folder / "dbt" / "logs"),
        }
        pipeline = Pipeline(stack.command_env | state, writer.layout.namespace)
        yield History(name, writer, made, pipeline, events, say, {})
