"""The lease on the real object store, with all its times cut short."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fraud_contracts.names import CHECKPOINTS_PREFIX
from fraud_stream import object_store
from fraud_stream.errors import LeaseError
from fraud_stream.lease import Lease, LeaseTiming
from fraud_stream.process_identity import ProcessIdentity
from fraud_stream.settings import WriterSettings

pytestmark = pytest.mark.integration

QUICK = LeaseTiming(renew=0.3, give_up=2.0, expire=3.0, watch=0.1)


@pytest.fixture
def store(writer_settings: WriterSettings) -> Any:
    return object_store.connect(writer_settings)


@pytest.fixture
def lease(store: Any, writer_settings: WriterSettings, bucket: Any) -> Iterator[Callable[[], Lease]]:
    """Makes leases on one fresh object."""
    key = f"{CHECKPOINTS_PREFIX}/_lease/test-{uuid.uuid4()}.json"
    yield lambda: Lease(store, writer_settings.s3_bucket, key, QUICK)
    bucket.objects.filter(Prefix=key).delete()


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def pretend_other_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraud_stream.lease.machine", lambda: "another machine")


def test_a_second_driver_on_this_machine_is_refused_and_the_first_one_named(lease: Callable[[], Lease]) -> None:
    lease().acquire()
    with pytest.raises(LeaseError, match=f"process {os.getpid()}"):
        lease().acquire()


def test_a_released_lease_is_free_at_once(lease: Callable[[], Lease]) -> None:
    first = lease()
    first.acquire()
    first.release()
    lease().acquire()


def test_a_dead_holder_on_this_machine_is_replaced_at_once(lease: Callable[[], Lease]) -> None:
    child = sleeper()
    dead = lease()
    dead._processes = [ProcessIdentity.of(child.pid)]
    dead.acquire()
    with pytest.raises(LeaseError):
        lease().acquire()
    child.kill()
    child.wait()
    lease().acquire()


def test_an_orphaned_jvm_is_waited_for(lease: Callable[[], Lease]) -> None:
    jvm, driver = sleeper(), sleeper()
    holder = lease()
    holder._processes = [ProcessIdentity.of(driver.pid)]
    holder.acquire()
    holder.add_process(jvm.pid)
    driver.kill()
    driver.wait()
    with pytest.raises(LeaseError, match=str(jvm.pid)):
        lease().acquire()
    threading.Timer(1, jvm.kill).start()
    threading.Timer(1.2, jvm.wait).start()
    lease().acquire()


def test_a_living_holder_elsewhere_is_recognised_by_its_renewals(
    lease: Callable[[], Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = lease()
    holder.acquire()
    lost: list[str] = []
    holder.keep(lost.append)
    pretend_other_machine(monkeypatch)
    with pytest.raises(LeaseError, match="another Bronze writer is running"):
        lease().acquire()
    holder.release()
    assert not lost


def test_a_silent_holder_elsewhere_expires_and_learns_it(
    lease: Callable[[], Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = lease()
    silent.acquire()
    pretend_other_machine(monkeypatch)
    lease().acquire()
    lost = threading.Event()
    silent.keep(lambda _reason: lost.set())
    assert lost.wait(10)


def test_a_holder_that_cannot_renew_gives_up_before_anyone_may_take_over(
    lease: Callable[[], Lease], writer_settings: WriterSettings
) -> None:
    holder = lease()
    holder.acquire()
    holder.check()
    away = writer_settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:1"})
    holder._s3 = object_store.connect(away)
    lost = threading.Event()
    holder.keep(lambda _reason: lost.set())
    assert lost.wait(10)
    with pytest.raises(LeaseError, match="not renewed"):
        holder.check()
    real = LeaseTiming()
    assert real.give_up + real.renew < real.expire


def test_a_write_whose_answer_was_lost_is_recognised_as_ours(lease: Callable[[], Lease]) -> None:
    holder = lease()
    holder.acquire()
    holder._put(holder._content(), {"IfMatch": holder._etag})  # arrived, but nobody told us
    holder.add_process(os.getpid())
    with pytest.raises(LeaseError):
        lease().acquire()


def test_only_one_of_many_wins_an_unheld_lease(lease: Callable[[], Lease]) -> None:
    won: list[Lease] = []

    def try_once() -> None:
        one = lease()
        try:
            one.acquire()
        except LeaseError:
            return
        won.append(one)

    threads = [threading.Thread(target=try_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
