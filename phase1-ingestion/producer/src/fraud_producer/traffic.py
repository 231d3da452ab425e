"""Live traffic as a payment system makes it: ask for a score, then report the payment to Kafka."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

import httpx

from fraud_contracts import LOGINS, TRANSACTIONS
from fraud_producer.errors import UnreachableError
from fraud_producer.events import Event, as_json
from fraud_producer.pacing import Pace
from fraud_producer.producer import EventProducer
from fraud_producer.stopping import Stop

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS: Final = 10.0
# The first errors are worth a line each; the rest are counted.
_ERRORS_SHOWN: Final = 5
_FAILED: Final = ("FAILURE", "LOCKED")
# Simulated minutes pass in milliseconds here: without it a payment would be scored before its user's login has arrived.
_AFTER_A_FAILED_LOGIN: Final = 0.5


class ScoringApi:
    """A client of ``POST /predict``. Use it as a context manager."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.Client(timeout=_TIMEOUT_SECONDS, headers={"Authorization": f"Bearer {api_key}"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def require_up(self) -> None:
        """The API answers at all.

        Raises:
            UnreachableError: it does not.
        """
        try:
            self._http.get(f"{self._url}/health")
        except httpx.HTTPError as problem:
            raise UnreachableError(
                f"the scoring API does not answer at {self._url} ({type(problem).__name__}): "
                "is it up? `make status` shows it; API_URL names it"
            ) from problem

    def predict(self, event: Event) -> str:
        """Ask for a decision; returns what went wrong, or an empty text."""
        try:
            answer = self._http.post(f"{self._url}/predict", json=as_json(event.record))
        except httpx.HTTPError as problem:
            return f"{type(problem).__name__}: {problem}"
        return "" if answer.status_code == httpx.codes.OK else f"{answer.status_code}: {answer.text[:300]}"


@dataclass(slots=True)
class TrafficResult:
    """What live traffic saw: each request's milliseconds (of those answered with 200) and the errors."""

    transaction_ids: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""
    first_event_us: int | None = None
    last_event_us: int | None = None

    @property
    def requests(self) -> int:
        return len(self.transaction_ids)

    def percentile(self, share: float) -> float | None:
        """The latency that this share of the answered requests did not exceed; None without one."""
        if not self.milliseconds:
            return None
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def note(self, event: Event, milliseconds: float, error: str) -> None:
        """Count one request."""
        self.transaction_ids.append(event.event_id)
        self.first_event_us = event.event_us if self.first_event_us is None else self.first_event_us
        self.last_event_us = event.event_us
        if error:
            self.errors += 1
            self.first_error = self.first_error or error
            if self.errors <= _ERRORS_SHOWN:
                log.warning("%s was not scored: %s", event.event_id, error)
        else:
            self.milliseconds.append(milliseconds)


def drive(
    events: Iterable[Event], api: ScoringApi, producer: EventProducer, stop: Stop, rate: float, seconds: float
) -> TrafficResult:
    """Post payments one after another in event-time order, each produced to Kafka after its answer.

    A payment that could not be scored happened all the same and is produced. Labels that became known on the way are
    produced in their turn, and so are logins: who failed to sign in does not pay within the next half second.
    """
    result = TrafficResult()
    failed_at: dict[str, float] = {}
    pace = Pace(rate, stop)
    deadline = time.monotonic() + seconds
    for event in events:
        if event.topic is TRANSACTIONS:
            if pace.wait() or time.monotonic() >= deadline:
                break
            pace.sent()
            since = time.monotonic() - failed_at.get(event.record["user_id"], -_AFTER_A_FAILED_LOGIN)
            if since < _AFTER_A_FAILED_LOGIN and stop.wait(_AFTER_A_FAILED_LOGIN - since):
                break
            asked = time.perf_counter()
            error = api.predict(event)
            result.note(event, (time.perf_counter() - asked) * 1000, error)
        producer.send(event)
        producer.poll(0)
        if event.topic is LOGINS and event.record.get("outcome") in _FAILED:
            failed_at[event.record["user_id"]] = time.monotonic()
    return result
