"""Real processes for the integration tests: the API, a Redis of our own, and the test stack's PostgreSQL and Kafka."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import redis
from psycopg.rows import dict_row

COMMAND = Path(sys.executable).parent / "fraud-serving"
START_SECONDS = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Process:
    """One of our commands, running."""

    popen: subprocess.Popen[bytes]
    log: Path

    def stop(self, seconds: float = 20.0) -> int:
        """Ends it as a supervisor would and returns its exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(seconds)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(10)


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[Process]:
    with log.open("ab") as out:
        popen = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=out, stderr=subprocess.STDOUT, cwd=log.parent
        )
    process = Process(popen, log)
    try:
        yield process
    finally:
        if popen.poll() is None:
            process.kill()


def eventually(holds: Callable[[], Any], seconds: float = START_SECONDS, what: str = "it") -> Any:
    """The first true answer of ``holds``."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := holds():
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s", pytrace=False)
        time.sleep(0.1)


class Api(httpx.Client):
    """A client of one running API process."""

    def __init__(self, url: str, key: str, process: Process) -> None:
        super().__init__(base_url=url, timeout=30.0, headers={"Authorization": f"Bearer {key}"})
        self.process = process

    def predict(self, **fields: Any) -> httpx.Response:
        return self.post("/predict", json=fields)

    def metric(self, name: str) -> float:
        """The sum of a metric's samples called ``name``, or the one sample that ``name{labels}`` names."""
        samples = [line.rsplit(" ", 1) for line in self.get("/metrics").text.splitlines() if not line.startswith("#")]
        return sum(float(value) for sample, value in samples if name in {sample, sample.partition("{")[0]})


@pytest.fixture(scope="session")
def database(stack: Any) -> dict[str, str]:
    """Environment of the test stack with the tables of ``fraud`` in place."""
    stack.need("postgres", "postgres-init", "redis")
    stack.run(["fraud-serving", "migrate"])
    env: dict[str, str] = stack.env
    return env


@pytest.fixture(scope="session")
def start_api(database: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """``with start_api(**environment) as api``: an API process on a free port, without a model registry by default."""

    @contextmanager
    def start(**change: str) -> Iterator[Api]:
        folder = tmp_path_factory.mktemp("api")
        port = free_port()
        env = {
            **database,
            "FRAUD_STATE_DIR": str(folder),
            "MLFLOW_TRACKING_URI": "",
            "FRAUD_SERVING_WORKERS": "1",
            **change,
            "API_PORT": str(port),
        }
        with running([str(COMMAND), "api"], env, folder / "api.log") as process:
            with Api(f"http://127.0.0.1:{port}", env["FRAUD_SERVING_API_KEY"], process) as api:
                eventually(lambda: _answers(api), what=f"an answer of the API ({process.log})")
                yield api
            if process.popen.poll() is None:
                assert process.stop() == 0, process.log.read_text()

    return start


def _answers(api: Api) -> bool:
    if api.process.popen.poll() is not None:
        pytest.fail(f"the API ended: {api.process.log.read_text()}", pytrace=False)
    try:
        return api.get("/health").status_code in {200, 503}
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def api(start_api: Callable[..., Any]) -> Iterator[Api]:
    """One API process on the stack's PostgreSQL and Redis, without a champion; shared by tests that change neither."""
    with start_api() as client:
        yield client


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment of a Redis that belongs to this test alone; it may be flushed and stopped."""
    program = shutil.which("redis-server")
    assert program, "redis-server is missing: run `make setup`"
    with running_redis(program, tmp_path) as env:
        yield env


@contextmanager
def running_redis(program: str, folder: Path) -> Iterator[dict[str, str]]:
    port = free_port()
    env = {"REDIS_HOST": "127.0.0.1", "REDIS_CONNECT_PORT": str(port), "REDIS_PASSWORD": uuid4().hex}
    settings = {"port": port, "bind": "127.0.0.1", "requirepass": env["REDIS_PASSWORD"], "save": "", "dir": folder}
    arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    with running([program, *arguments], {}, folder / "redis.log") as process:
        client = redis.Redis(port=port, password=env["REDIS_PASSWORD"])
        eventually(lambda: _pings(client), what="Redis")
        yield {**env, "OWN_REDIS_PID": str(process.popen.pid)}


def _pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="session")
def decision_of(database: dict[str, str]) -> Iterator[Callable[[str], dict[str, Any]]]:
    """``decision_of(transaction_id)``: the stored row, read as the reader role."""
    with ExitStack() as stack:
        connection = stack.enter_context(
            psycopg.connect(
                host=database["POSTGRES_HOST"],
                port=int(database["POSTGRES_CONNECT_PORT"]),
                dbname="fraud",
                user="fraud_reader",
                password=database["FRAUD_READER_DB_PASSWORD"],
                autocommit=True,
                row_factory=dict_row,
            )
        )

        def read(transaction_id: str) -> dict[str, Any]:
            rows = connection.execute("SELECT * FROM decisions WHERE transaction_id = %s", [transaction_id]).fetchall()
            assert len(rows) == 1, f"{len(rows)} decisions of {transaction_id}"
            return rows[0]

        yield read


@pytest.fixture
def payment() -> Callable[..., dict[str, Any]]:
    """``payment(**change)``: a complete payment of a user, merchant, card and device that nobody else uses."""
    mark = uuid4().hex[:12]
    counter = iter(range(1_000_000))

    def make(**change: Any) -> dict[str, Any]:
        return {
            "transaction_id": f"sv-{mark}-{next(counter)}",
            "user_id": f"sv-{mark}",
            "merchant_id": f"sv-m-{mark}",
            "amount": 25.5,
            "is_international": False,
            "event_time": "2026-03-02T10:00:00Z",
            "card_hash": "k1:" + mark.ljust(64, "0"),
            "device_id": f"sv-d-{mark}",
            "merchant_category_code": "5411",
            "country": "DE",
            "latitude": 52.5,
            "longitude": 13.4,
            "channel": "POS",
            "card_present": True,
            "transaction_type": "PURCHASE",
            **change,
        }

    return make


class RunProcess:
    """Starts our commands; called with arguments, environment and log file it is a context manager."""

    command = str(COMMAND)
    free_port = staticmethod(free_port)
    eventually = staticmethod(eventually)

    def __call__(self, arguments: list[str], env: dict[str, str], log: Path) -> AbstractContextManager[Process]:
        return running([self.command, *arguments], env, log)

    def any(self, command: list[str], env: dict[str, str], log: Path) -> AbstractContextManager[Process]:
        """Any other program."""
        return running(command, env, log)


@pytest.fixture(scope="session")
def run_process() -> RunProcess:
    """For tests that start processes of their own."""
    return RunProcess()
