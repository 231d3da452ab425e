"""The object store is killed, paused, slow, refuses, or hangs up in the middle: nothing lost, nothing twice.

The driver speaks with MinIO through a proxy that breaks connections; whoever looks at the outcome does not. The driver
is started again whenever it ends, as supervisor does. The faults share one stream.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.exceptions import BotoCoreError

from fraud_native.envfile import parse_env
from fraud_native.launch import is_alive
from fraud_native.paths import ENV_EXAMPLE, Tools
from fraud_stream import object_store
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Stream

RECOVERY_SECONDS = 60
# so many bytes of one connection arrive: a request for a page of names does, a file of rows or a log entry is cut
CUT_AFTER_BYTES = 4000
# While one of these lasts, nothing lands that was sent after its begin. A batch needs several answers, one after the
# other, and a file of rows in the store: there is no answer, it comes too late, or the file does not arrive.
SHUT_OUT = ("503", "latency", "request cut", "reset")


@pytest.fixture(scope="module")
def store_faults(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(Path(__file__).with_name("object_store_faults.py"))


@pytest.fixture(scope="module")
def proxy(
    stack: Any,
    platform: dict[str, str],
    store_faults: ModuleType,
    bronze_stream: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """Toxiproxy in front of MinIO; `address` is where it listens."""
    program = Tools(parse_env(ENV_EXAMPLE.read_text(encoding="utf-8"))).toxiproxy
    assert program.exists(), "fraud-native setup --chaos installs toxiproxy"
    address = f"127.0.0.1:{bronze_stream.free_port()}"
    upstream = urlsplit(platform["S3_ENDPOINT_URL"]).netloc
    log = tmp_path_factory.mktemp("proxy") / "toxiproxy.log"
    proxy = store_faults.Toxiproxy(program, bronze_stream.free_port(), address, upstream, log)
    proxy.start()
    proxy.address = address
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def environment(environment: dict[str, str], proxy: Any) -> dict[str, str]:
    # a backlog is cleared as fast as on the platform itself
    return environment | {"S3_ENDPOINT_URL": f"http://{proxy.address}", "BRONZE_MAX_OFFSETS_PER_TRIGGER": "60000"}


@pytest.fixture(scope="module")
def endings(running: Any, feed: Any, watching: ModuleType, handles: ModuleType) -> Iterator[list[int]]:
    """A driver under load that is started again when it ends; the exit codes it ended with."""
    with handles.kept_alive(running) as endings, watching.traffic(feed):
        yield endings


@pytest.fixture
def fault(
    stack: Any,
    proxy: Any,
    signals: ModuleType,
    handles: ModuleType,
    platform: dict[str, str],
    store_faults: ModuleType,
    writer_settings: WriterSettings,
    bucket: Any,
    transactions: Stream,
) -> Any:
    """Faults by name; each lasts as long as its context. Those outside of SHUT_OUT see to it that they took hold."""

    def minio() -> int:
        pid: int = signals.listener(urlsplit(platform["S3_ENDPOINT_URL"]).netloc)
        return pid

    @contextmanager
    def killed() -> Iterator[None]:
        pid = minio()
        stack.kill("minio")
        handles.wait_for(lambda: not is_alive(pid), 10, "the end of the process that served")
        yield

    @contextmanager
    def refusing() -> Iterator[None]:
        with store_faults.slow_down_server() as server, proxy.instead(f"127.0.0.1:{server.server_port}"):
            yield
            assert server.answered > 0, "nobody asked meanwhile"

    @contextmanager
    def paused() -> Iterator[None]:
        pid = minio()
        with signals.paused(pid):
            yield
            assert psutil.Process(pid).status() == psutil.STATUS_STOPPED, "it did not stand still to the end"

    @contextmanager
    def slow() -> Iterator[None]:
        with ExitStack() as both:
            for stream in ("upstream", "downstream"):
                both.enter_context(proxy.toxic("latency", stream, latency=15_000))
            yield

    @contextmanager
    def cutting_answers() -> Iterator[None]:
        with proxy.toxic("limit_data", "downstream", bytes=CUT_AFTER_BYTES):
            yield
            # The answers that the driver waits for may all be short. So a long one is asked for on its way, too.
            files = bucket.objects.filter(Prefix=f"{transactions.table_key}/")
            largest = max(files, key=lambda item: item.size)
            assert largest.size > CUT_AFTER_BYTES
            on_its_way = object_store.connect(writer_settings)
            with pytest.raises(BotoCoreError):
                on_its_way.get_object(Bucket=bucket.name, Key=largest.key)["Body"].read()

    return {
        "killed": killed,
        "paused": paused,
        "503": refusing,
        "latency": slow,
        "request cut": lambda: proxy.toxic("limit_data", "upstream", bytes=CUT_AFTER_BYTES),
        "answer cut": cutting_answers,
        "reset": lambda: proxy.toxic("reset_peer", "downstream", timeout=20),
    }


@pytest.mark.chaos("F10")
@pytest.mark.parametrize(
    ("kind", "target", "seconds"),
    [
        ("killed", "MinIO, kill -9", 0),
        # Spark waits it out
        ("paused", "MinIO, paused 10 s", 10),
        # longer than the lease is granted without a renewal: the driver gives up
        ("paused", "MinIO, paused 40 s", 40),
        ("503", "MinIO answers 503 for 20 s", 20),
        ("latency", "every answer 30 s late, for 40 s", 40),
        ("request cut", "connections cut in the middle of a PUT, for 20 s", 20),
        ("answer cut", "connections cut in the middle of an answer, for 20 s", 20),
        ("reset", "connections reset, for 20 s", 20),
    ],
)
def test_a_store_in_trouble_loses_nothing(
    running: Any, endings: list[int], watch: Any, fault: Any, kind: str, target: str, seconds: float, record: Any
) -> None:
    watch.wait_landed(watch.acknowledged(), 3 * RECOVERY_SECONDS, running)
    before = len(endings)
    began = time.monotonic()
    with fault[kind]():
        until = time.monotonic() + seconds
        sent = watch.sent_from_now() if kind in SHUT_OUT else None
        time.sleep(max(0.0, until - time.monotonic()))
        assert sent is None or not watch.has_landed(sent), f"{target}: the stream went on as if nothing had happened"
    # a kill lasts no time, but the command that does it takes a while to begin and to end
    healed = time.monotonic() if seconds else began
    watch.wait_landed(watch.acknowledged(), 3 * RECOVERY_SECONDS, running)
    recovered = time.monotonic() - healed
    print(f"{target}: recovered in {recovered:.1f} s, the driver ended with {endings[before:]}")
    watch.require_intact_logs()
    code, verdict, text = running.conservation(wait=RECOVERY_SECONDS)
    assert code == 0, text + running.log.read_text()[-3000:]
    record("F10", target, recovered, RECOVERY_SECONDS, verdict)
