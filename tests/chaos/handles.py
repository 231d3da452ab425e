"""What faults are done to: the producer, the Bronze driver under a watchman, the broker."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from fraud_contracts import RAW_TOPICS
from fraud_native import paths
from fraud_stream.broker import Broker
from fraud_stream.ledger import read_ledger

NAMESPACED = Path(__file__).parents[2] / "phase1-ingestion/producer/tests/integration/namespaced.py"
# what namespaced.py gives every raw topic
PARTITIONS = 3
# supervisor's own pause before it starts again what has ended
RESTART_SECONDS = 1.0


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Waits until it is so; after how many seconds it was."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.05)
    return time.monotonic() - began


class Producers:
    """Starts `fraud-producer` with the topics and the ledger of this environment's namespace."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._begun: list[subprocess.Popen[bytes]] = []
        self.ledger = Path(environment["FRAUD_PRODUCER_LEDGER_DIR"])
        self.log = self.ledger.with_name("producer.log")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A run of its own; what it says goes to :attr:`log`."""
        command = [sys.executable, str(NAMESPACED), self._environment["FRAUD_STREAM_NAMESPACE"], *arguments]
        self.ledger.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            process = subprocess.Popen(command, env=dict(self._environment), stdout=output, stderr=output)
        self._begun.append(process)
        return process

    def acknowledged(self) -> int:
        """How many messages the ledger says the broker holds."""
        found = (read_ledger(self.ledger, name.name) for name in self.ledger.iterdir() if name.is_dir())
        return sum(len(offsets) for topic in found for by_times in topic.values() for offsets in by_times.values())

    def end_all(self) -> None:
        for process in self._begun:
            process.kill()
            process.wait()


class BrokerProcess:
    """The broker of the test stack."""

    def __init__(self, stack: Any, signals: ModuleType, power_loss: ModuleType) -> None:
        self._stack = stack
        self._signals = signals
        self.power_loss = power_loss
        self.address: str = stack.env["KAFKA_BOOTSTRAP_SERVERS"]
        self._view = Broker(self.address)

    def kill(self) -> None:
        """SIGKILL; the launcher's supervisor starts it again."""
        self._stack.kill("kafka")

    def paused(self) -> AbstractContextManager[None]:
        paused: AbstractContextManager[None] = self._signals.paused(self._signals.listener(self.address))
        return paused

    def messages(self, prefix: str) -> int:
        """How many messages the raw topics of a namespace hold.

        Raises:
            BrokerError: it does not answer.
        """
        return sum(end - begin for topic in self.spans(prefix).values() for begin, end in topic.values())

    def spans(self, prefix: str) -> dict[str, dict[int, tuple[int, int]]]:
        """First offset and end of every partition of a namespace's raw topics.

        Raises:
            BrokerError: it does not answer.
        """
        return self._view.existing_offsets([prefix + topic.name for topic in RAW_TOPICS])

    def lose_power(self) -> int:
        """The broker is gone without a word, and with it what was not on the disk; then it is started again.

        Returns how many bytes of its logs were lost.
        """
        pid = self._signals.listener(self.address)
        # it must not flush when it is told to end, and supervisor must not start it before the logs are cut
        os.kill(pid, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as aside:
            stopping = aside.submit(self._stack.stop, "kafka")
            wait_for(lambda: self._signals.is_pending(pid, signal.SIGTERM), 30, "the order to end")
            os.kill(pid, signal.SIGKILL)
            stopping.result()
        lost = self.power_loss.lose_unwritten(paths.Stack("test").data("kafka") / "data", "*.log")
        self._stack.start("kafka")
        return int(lost)


def landed(driver: Any) -> int:
    """How many offsets the driver has finished, by its own metrics; 0 while it does not answer."""
    try:
        lines = driver.metrics().splitlines()
    except OSError:
        return 0
    return round(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("fraud_stream_end_offset{")))


@contextmanager
def kept_alive(driver: Any) -> Iterator[list[int]]:
    """The Bronze driver is started again whenever it ends, as supervisor does; gives the exit codes it ended with."""
    ended: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            code = driver.process.poll()
            if code is not None:
                ended.append(code)
                if not stop.wait(RESTART_SECONDS):
                    driver.start()

    watchman = threading.Thread(target=watch)
    watchman.start()
    try:
        yield ended
    finally:
        stop.set()
        watchman.join()


@contextmanager
def kept_sending(sender: Any, producers: Producers, *command: str) -> Iterator[list[Any]]:
    """The producer is started again whenever it ends, as supervisor does; gives every one so far, and ends the last."""
    senders = [sender]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            if senders[-1].poll() is not None and not stop.wait(RESTART_SECONDS):
                senders.append(producers.start(*command))

    watchman = threading.Thread(target=watch)
    watchman.start()
    try:
        yield senders
    finally:
        stop.set()
        watchman.join()
    senders[-1].terminate()
    assert senders[-1].wait(60) == 0, producers.log.read_text()[-3000:]
