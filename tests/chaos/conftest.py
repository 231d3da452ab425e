"""Faults on the real components of the test stack, drawn by a seed that is printed and can be given again.

A fault is a test with the marker ``chaos("F7")``. Whatever it records, and whatever fails, stands in the report as soon
as it is known: an abrupt end loses nothing. Settings come from the environment, where `make chaos` puts them:
CHAOS_SEED, CHAOS_KILLS, CHAOS_FAULT, CHAOS_REPORT.
"""

import json
import os
import random
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import psutil
import pytest

from fraud_contracts import RAW_TOPICS, TRANSACTIONS
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, Stream

ROOT = Path(__file__).parents[2]
LAKE = ROOT / "phase3-transforms/tests/integration/lake.py"
BRONZE_STREAM = ROOT / "phase2-streaming/spark_jobs/tests/integration/bronze_stream.py"
SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**9))
# how often a producer or a driver is killed; a broker, which is everybody's, half as often
KILLS = int(os.environ.get("CHAOS_KILLS") or 20)
COUNTS = ("produced", "bronze", "quarantine", "missing", "duplicated")


@dataclass(frozen=True)
class Chaos:
    """What a fault draws its moments from: the same seed gives the same test the same numbers."""

    seed: int
    random: random.Random
    kills: int


@dataclass
class Report:
    """What every fault did; written anew after each."""

    path: Path | None
    faults: list[dict[str, Any]] = field(default_factory=list)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def add(self, entry: dict[str, Any]) -> None:
        self.faults.append(entry)
        self._write()

    def finish(self, test: str, seconds: float) -> None:
        """Note how long a test took, its preparations apart."""
        for entry in self.faults:
            if entry["test"] == test:
                entry["test_seconds"] = round(seconds, 1)
        self._write()

    def _write(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(self._content(), indent=2) + "\n", encoding="utf-8")
        draft.replace(self.path)

    def table(self) -> Iterator[str]:
        """One line per fault, as wide as its target."""
        width = max((len(entry["target"]) for entry in self.faults), default=0)
        heads = "".join(f" {name:>10}" for name in COUNTS)
        yield f"{'':4} {'target':{width}} {'recovered':>9} {'bound':>6}{heads}"
        for entry in self.faults:
            figures = [entry["recovered_seconds"], entry["bound_seconds"], *(entry[name] for name in COUNTS)]
            sizes = (9, 6, *(10 for _ in COUNTS))
            texts = ("-" if one is None else f"{one:g}" for one in figures)
            line = " ".join(f"{text:>{size}}" for text, size in zip(texts, sizes, strict=True))
            failed = "  FAILED" if entry["failure"] else ""
            yield f"{entry['fault']:4} {entry['target']:{width}} {line}{failed}"

    def _content(self) -> dict[str, Any]:
        machine = {"cores": os.cpu_count(), "memory_bytes": psutil.virtual_memory().total}
        return {
            "seed": SEED,
            "kills": KILLS,
            "began": self.began.isoformat(timespec="seconds"),
            "machine": machine,
            "faults": self.faults,
        }


REPORT = Report(Path(path) if (path := os.environ.get("CHAOS_REPORT")) else None)
Record = Callable[[str, str, float | None, float | None, Mapping[str, Any]], None]


def pytest_report_header() -> str:
    return f"chaos seed: {SEED}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts these tests last, where nobody else needs what they break, and keeps the asked fault only.

    Every test here must say which faults it is about.
    """
    own = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    others = [item for item in items if item not in own]
    for item in own:
        if not _faults(item):
            raise pytest.UsageError(f'{item.nodeid} has no marker chaos("F…")')
    if wanted := os.environ.get("CHAOS_FAULT"):
        known = {fault for item in own for fault in _faults(item)}
        if wanted not in known:
            raise pytest.UsageError(f"there is no fault {wanted}; choose from {', '.join(sorted(known, key=_number))}")
        config.hook.pytest_deselected(items=[item for item in own if wanted not in _faults(item)])
        own = [item for item in own if wanted in _faults(item)]
    items[:] = [*others, *own]


def _faults(item: pytest.Item) -> tuple[str, ...]:
    return tuple(fault for mark in item.iter_markers("chaos") for fault in mark.args)


def _number(fault: str) -> int:
    return int(fault.removeprefix("F"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Puts a fault that failed into the report too."""
    outcome: Any = yield
    if outcome.failed and call.excinfo is not None:
        nothing = dict.fromkeys(("recovered_seconds", "bound_seconds", *COUNTS))
        said = str(call.excinfo.value).strip() or call.excinfo.typename
        for fault in _faults(item):
            test = {"test": item.name, "test_seconds": None}
            REPORT.add({"fault": fault, "target": item.name, **nothing, **test, "failure": said[:2000]})
    if call.when == "call":
        REPORT.finish(item.name, call.duration)
    return outcome  # type: ignore[no-any-return]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not REPORT.faults:
        return
    terminalreporter.section("chaos")
    for line in REPORT.table():
        terminalreporter.write_line(line)
    where = f"; {REPORT.path}" if REPORT.path else ""
    terminalreporter.write_line(f"again: make chaos SEED={SEED} KILLS={KILLS}{where}")


@pytest.fixture(scope="session")
def seed() -> int:
    """For what tests share."""
    return SEED


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    """The seed, a generator that belongs to this test, and how often to kill."""
    return Chaos(SEED, random.Random(f"{SEED} {request.node.name}"), KILLS)


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """``record(fault, target, recovered_seconds, bound_seconds, conservation)``: one line of the report.

    ``conservation`` is the JSON of `fraud-stream conservation`; its topics are added up. It is empty where a fault
    sends nothing through the broker. Fails when the recovery took
    longer than its bound; a fault without a recovery has None for both.
    """

    def add(
        fault: str,
        target: str,
        recovered_seconds: float | None,
        bound_seconds: float | None,
        conservation: Mapping[str, Any],
    ) -> None:
        assert fault in _faults(request.node), f"the test is not about {fault}"
        topics = conservation.values()
        sums = {name: sum(topic[name] for topic in topics) if topics else None for name in COUNTS}
        took = None if recovered_seconds is None else round(recovered_seconds, 2)
        entry = {"fault": fault, "target": target, "recovered_seconds": took, "bound_seconds": bound_seconds, **sums}
        REPORT.add({**entry, "test": request.node.name, "test_seconds": None, "failure": None})
        assert took is None or bound_seconds is None or took <= bound_seconds, f"{target}: {took} s > {bound_seconds} s"

    return add


@pytest.fixture(scope="session")
def signals(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(ROOT / "tests/process_signals.py")


@pytest.fixture(scope="session")
def handles(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(Path(__file__).with_name("handles.py"))


@pytest.fixture(scope="session")
def bronze_stream(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(BRONZE_STREAM)


@pytest.fixture(scope="session")
def lakes(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    """Schemas of a test's own for dbt, and messages to put into them."""
    return load_script(LAKE)


@pytest.fixture(scope="session")
def watching(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(Path(__file__).with_name("bronze_watch.py"))


@pytest.fixture(scope="session")
def namespaced(load_script: Callable[[Path], ModuleType], handles: ModuleType) -> ModuleType:
    return load_script(handles.NAMESPACED)


@pytest.fixture(scope="session")
def platform(stack: Any) -> dict[str, str]:
    """Environment of the running test stack."""
    stack.need("ingestion-init", "minio-init", "trino", "lakehouse-init")
    environment: dict[str, str] = stack.env
    return environment


@pytest.fixture(scope="module")
def environment(
    platform: dict[str, str], bronze_stream: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Environment of this module's own stream: a namespace, a ledger and ports of its own."""
    found: dict[str, str] = bronze_stream.own_environment(platform, tmp_path_factory.mktemp("stream"))
    return found | {"PRODUCER_METRICS_PORT": str(bronze_stream.free_port())}


@pytest.fixture(scope="module")
def layout(environment: dict[str, str]) -> Layout:
    return Layout(environment["S3_BUCKET"], environment["FRAUD_STREAM_NAMESPACE"])


@pytest.fixture(scope="module")
def transactions(layout: Layout) -> Stream:
    return next(stream for stream in layout.streams if stream.contract is TRANSACTIONS)


@pytest.fixture(scope="module")
def writer_settings(environment: dict[str, str]) -> WriterSettings:
    return WriterSettings.model_validate(environment)


@pytest.fixture(scope="module")
def bucket(platform: dict[str, str]) -> Any:
    """The bucket as its owner sees it, for looking, breaking and cleaning up."""
    session = boto3.Session(platform["MINIO_ROOT_USER"], platform["MINIO_ROOT_PASSWORD"])
    s3 = session.resource("s3", endpoint_url=platform["S3_ENDPOINT_URL"], region_name=platform["S3_REGION"])
    return s3.Bucket(platform["S3_BUCKET"])


@pytest.fixture(scope="module")
def watch(
    watching: ModuleType,
    writer_settings: WriterSettings,
    platform: dict[str, str],
    layout: Layout,
    environment: dict[str, str],
    bucket: Any,
) -> Any:
    """Looks at what has landed, past whatever stands between the driver and its object store."""
    directly = writer_settings.model_copy(update={"s3_endpoint_url": platform["S3_ENDPOINT_URL"]})
    return watching.BronzeWatch(directly, layout, Path(environment["FRAUD_PRODUCER_LEDGER_DIR"]), bucket)


@pytest.fixture(scope="module")
def topic_settings() -> Mapping[str, str]:
    """Settings of this module's topics, by Kafka's names; a module may have its own."""
    return {}


@pytest.fixture(scope="module")
def feed(
    environment: dict[str, str],
    layout: Layout,
    bronze_stream: ModuleType,
    handles: ModuleType,
    topic_settings: Mapping[str, str],
) -> Iterator[Any]:
    """This module's topics and schemas; messages of any kind can be sent to them one by one."""
    feed = bronze_stream.Feed(environment, layout)
    feed.create({topic.name: handles.PARTITIONS for topic in RAW_TOPICS}, **topic_settings)
    yield feed
    feed.remove()


@pytest.fixture(scope="module")
def driver(
    environment: dict[str, str],
    layout: Layout,
    feed: Any,
    bucket: Any,
    bronze_stream: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """The Bronze driver, not started yet; at the end it is killed and its tables are removed."""
    driver = bronze_stream.Driver(environment, tmp_path_factory.mktemp("driver") / "bronze-writer.log")
    yield driver
    if driver.process is not None and driver.process.poll() is None:
        driver.end(signal.SIGKILL)
    bronze_stream.remove_stream(environment, layout, bucket)


@pytest.fixture(scope="module")
def running(driver: Any, feed: Any) -> Any:
    """The Bronze driver at work: its tables exist and Trino knows them."""
    feed.send_good(50, 5)
    driver.start()
    driver.wait_ready()
    done = driver.run("register-tables", "--wait", "60", "--require")
    assert done.returncode == 0, done.stdout + done.stderr
    return driver


@pytest.fixture(scope="module")
def producers(environment: dict[str, str], feed: Any, handles: ModuleType) -> Iterator[Any]:
    """`fraud-producer` as processes of their own that send to this module's topics."""
    producers = handles.Producers(environment)
    yield producers
    producers.end_all()


@pytest.fixture(scope="session")
def broker(
    stack: Any,
    platform: dict[str, str],
    handles: ModuleType,
    signals: ModuleType,
    load_script: Callable[[Path], ModuleType],
) -> Any:
    """The broker's process and what it holds."""
    return handles.BrokerProcess(stack, signals, load_script(Path(__file__).with_name("power_loss.py")))


@pytest.fixture
def trino(environment: dict[str, str]) -> Iterator[Any]:
    with Lakehouse(environment["TRINO_URL"]) as lakehouse:
        yield lakehouse
