"""The Bronze driver is killed: at every failpoint once, and at random moments under load.

All kills hit one stream whose history grows. What a kill leaves is what the next start finds.
"""

import signal
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from fraud_contracts import RAW_TOPICS
from fraud_stream.failpoints import Failpoint
from fraud_stream.streams import Layout

RECOVERY_SECONDS = 60
# a start, and whatever brings the driver to the point
REACH_SECONDS = 150
# supervisor's own pause before it starts again what has ended
RESTART_SECONDS = 1.0
# a kill at random hits a start this often, otherwise a stream at work
START_SHARE = 0.3
START_SECONDS = 20.0
WORK_SECONDS = 8.0
# at the first start only: with so many tables, or checkpoints, and without the others
FIRST_START = {Failpoint.TABLE_CREATED: f":{len(RAW_TOPICS) // 2}", Failpoint.QUERY_STARTED: ":2"}
# At which time the driver dies that comes to a point more than once. Two streams have traffic, and quarantine is common
# to both: while one folds it, the other leaves it alone and is first at the point. The second time it is folded.
TIMES = {**FIRST_START, Failpoint.QUARANTINE_COMPACTED: ":2"}
# what brings a driver to points that the traffic alone leads it to once in ten minutes, or once a day
HURRY = {
    Failpoint.QUARANTINE_COMPACTED: {"BRONZE_TRIGGER": "600s"},
    Failpoint.BRONZE_COMPACTED: {"BRONZE_TRIGGER": "600s"},
    Failpoint.TABLE_COMPACTED: {"BRONZE_MAINTENANCE_HOURS": "0.01", "MLFLOW_TRACKING_URI": ""},
    Failpoint.TABLE_VACUUMED: {"BRONZE_MAINTENANCE_HOURS": "0.01", "MLFLOW_TRACKING_URI": ""},
}
AT_THE_END = (Failpoint.QUERIES_STOPPED, Failpoint.SESSION_ENDED)


@pytest.fixture(scope="module")
def environment(environment: dict[str, str]) -> dict[str, str]:
    # a backlog is cleared as fast as on the platform itself
    return environment | {"BRONZE_MAX_OFFSETS_PER_TRIGGER": "60000"}


@pytest.fixture(scope="module")
def traffic(feed: Any, watching: ModuleType) -> Iterator[None]:
    with watching.traffic(feed):
        yield


def folded_before(point: Failpoint, layout: Layout) -> list[str]:
    """The tables of which one has been folded when a driver comes to this point."""
    if point is Failpoint.BRONZE_COMPACTED:
        return [stream.table for stream in layout.streams]
    shared = (Failpoint.QUARANTINE_COMPACTED, Failpoint.TABLE_COMPACTED)
    return [layout.quarantine_table] if point in shared else []


def at_work(driver: Any) -> None:
    """Start the driver, unless it runs."""
    if driver.process is None or driver.process.poll() is not None:
        driver.start()
        driver.wait_ready()


def start_again(driver: Any, watch: Any) -> float:
    """Start a driver that was just killed; seconds from the kill until all that was acknowledged before has landed."""
    killed = time.monotonic()
    waiting = watch.acknowledged()
    time.sleep(RESTART_SECONDS)
    driver.start()
    watch.wait_landed(waiting, 3 * RECOVERY_SECONDS, driver)
    return time.monotonic() - killed


def holds(driver: Any, watch: Any) -> dict[str, Any]:
    """The verdict of `fraud-stream conservation`, under load; and that no log of Delta was rewritten."""
    watch.require_intact_logs()
    registered = driver.run("register-tables", "--wait", "30", "--require")
    assert registered.returncode == 0, registered.stdout + registered.stderr
    code, verdict, text = driver.conservation(wait=RECOVERY_SECONDS)
    assert code == 0, text + driver.log.read_text()[-3000:]
    found: dict[str, Any] = verdict
    return found


@pytest.mark.chaos("F2")
@pytest.mark.usefixtures("traffic")
@pytest.mark.parametrize("point", sorted(Failpoint, key=lambda point: point not in FIRST_START))
def test_a_driver_killed_at_a_failpoint_recovers_by_itself(
    driver: Any, watch: Any, layout: Layout, point: Failpoint, record: Any
) -> None:
    tables = folded_before(point, layout)
    if tables:
        at_work(driver)
        # a table of one file is not folded: two batches, one after the other, leave two
        for _ in range(2):
            watch.wait_landed(watch.acknowledged(), 3 * RECOVERY_SECONDS, driver)
    foldings = watch.foldings(tables)
    if driver.process is not None and driver.process.poll() is None:
        driver.kill()
    driver.start(BRONZE_FAILPOINT=point + TIMES.get(point, ""), **HURRY.get(point, {}))
    if point in AT_THE_END:
        driver.wait_ready()
        driver.process.send_signal(signal.SIGTERM)
    assert driver.process.wait(REACH_SECONDS) == -signal.SIGKILL, driver.log.read_text()[-3000:]
    recovered = start_again(driver, watch)
    assert not tables or watch.foldings(tables) > foldings, f"no log of {', '.join(tables)} tells of a folding"
    record("F2", f"driver killed at {point}", recovered, RECOVERY_SECONDS, holds(driver, watch))


@pytest.mark.chaos("F2")
@pytest.mark.usefixtures("traffic")
def test_a_driver_killed_at_random_moments_recovers_by_itself(driver: Any, watch: Any, chaos: Any, record: Any) -> None:
    at_work(driver)
    slowest = 0.0
    for _ in range(chaos.kills):
        if chaos.random.random() < START_SHARE:
            driver.kill()
            driver.start()
            time.sleep(chaos.random.uniform(0, START_SECONDS))
        else:
            time.sleep(chaos.random.uniform(0, WORK_SECONDS))
        driver.kill()
        slowest = max(slowest, start_again(driver, watch))
        watch.require_intact_logs()
    target = f"driver killed at random x {chaos.kills}, slowest"
    record("F2", target, slowest, RECOVERY_SECONDS, holds(driver, watch))
