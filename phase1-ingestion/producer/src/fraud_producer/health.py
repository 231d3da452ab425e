"""Whether the producer of this process can do its work: the broker was reached recently, and its queue moves."""

import time
from typing import Any, Final

# The client tells the state of its connections this often.
REPORT_SECONDS: Final = 2.0
# Five reports: nobody has taken one since, so the loop that sends is stuck, or they say that no broker answers.
SILENT_SECONDS: Final = 5 * REPORT_SECONDS
# Messages wait and not one was acknowledged for so long.
STUCK_SECONDS: Final = 30.0


class Health:
    """What was seen last, and when by the monotonic clock in seconds."""

    def __init__(self) -> None:
        self.close()

    def open(self) -> None:
        """A producer begins; it has just talked to the broker."""
        self._is_open = True
        self._reached_at = self._moved_at = time.monotonic()
        self._waiting = 0

    def close(self) -> None:
        """No producer is open: there is nothing that could be wrong."""
        self._is_open = False
        self._reached_at = self._moved_at = 0.0
        self._waiting = 0

    def brokers(self, *, any_up: bool) -> None:
        """The client told whether it is connected to a broker."""
        if any_up:
            self._reached_at = time.monotonic()

    def queue(self, waiting: int, *, has_moved: bool) -> None:
        """Messages that wait now, and whether any was acknowledged or failed since the last call."""
        self._waiting = waiting
        if has_moved or not waiting:
            self._moved_at = time.monotonic()

    def verdict(self) -> tuple[bool, dict[str, Any]]:
        """Whether all is well, and what ``GET /health`` says."""
        if not self._is_open:
            return True, {"status": "idle"}
        now = time.monotonic()
        silent, stuck = now - self._reached_at, now - self._moved_at
        reasons = []
        if silent > SILENT_SECONDS:
            reasons.append(f"no broker was reached for {silent:.0f} s: is Kafka up?")
        if self._waiting and stuck > STUCK_SECONDS:
            reasons.append(
                f"{self._waiting} messages wait and none was acknowledged for {stuck:.0f} s: see Kafka's log"
            )
        return not reasons, {
            "status": "unhealthy" if reasons else "ok",
            "reasons": reasons,
            "queued_messages": self._waiting,
            "broker_reached_seconds_ago": round(silent, 1),
        }


# One per process, like the metrics.
HEALTH: Final = Health()
