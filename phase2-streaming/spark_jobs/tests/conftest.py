"""A Spark of the test process itself, gone without a trace when its module is done."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def spark_process() -> Iterator[Callable[[Callable[[], SparkSession]], SparkSession]]:
    """Starts a session by the function it is given; ends session, JVM and changes of the process afterwards.

    A JVM keeps its class path for life: left running, it would be what the next module gets. PySpark takes Ctrl-C.
    """
    before, ctrl_c = dict(os.environ), signal.getsignal(signal.SIGINT)
    sessions: list[SparkSession] = []

    def start(make: Callable[[], SparkSession]) -> SparkSession:
        sessions.append(make())
        return sessions[-1]

    yield start
    for session in sessions:
        session.stop()
    if SparkContext._gateway is not None:
        SparkContext._gateway.shutdown()
        SparkContext._gateway.proc.stdin.close()
        SparkContext._gateway.proc.wait(30)
        SparkContext._gateway = SparkContext._jvm = None
    os.environ.clear()
    os.environ.update(before)
    signal.signal(signal.SIGINT, ctrl_c)
