"""The other end: a real receiver at the address that the test stack's Alertmanager sends to."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from fraud_native.paths import Stack


class Receiver:
    """Everything that Alertmanager has sent since the last :meth:`forget`."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def take(self, message: dict[str, Any]) -> None:
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def forget(self) -> None:
        with self._changed:
            self._messages.clear()

    def alerts(self, status: str, **labels: str) -> list[dict[str, Any]]:
        """Alerts with that status and those labels, in the order in which they came."""
        with self._changed:
            told = [alert for message in self._messages for alert in message["alerts"]]
        return [alert for alert in told if alert["status"] == status and labels.items() <= alert["labels"].items()]

    def wait(self, status: str, seconds: float, **labels: str) -> dict[str, Any]:
        """The first such alert, as soon as it comes."""
        deadline = time.monotonic() + seconds
        while not (found := self.alerts(status, **labels)):
            with self._changed:
                if time.monotonic() > deadline or not self._changed.wait(timeout=deadline - time.monotonic()):
                    pytest.fail(f"no alert is {status} with {labels} after {seconds:g} s; came: {self._messages}")
        return found[0]


def forget_what_was_told(stack: Any) -> None:
    """An Alertmanager that was stopped under a firing alert says nothing of it for hours: it has told it already."""
    running = any(line.startswith("alertmanager RUNNING") for line in stack.launcher("status", "--plain").splitlines())
    if running:
        stack.stop("alertmanager")
    (Stack("test").data("alertmanager") / "data" / "nflog").unlink(missing_ok=True)
    if running:
        stack.start("alertmanager")


@pytest.fixture(scope="session")
def receiver_at(stack: Any) -> Iterator[Receiver]:
    """The receiver at ``ALERT_WEBHOOK_URL`` of the test stack."""
    forget_what_was_told(stack)
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing to the tests' output."""

    address = urlsplit(stack.env["ALERT_WEBHOOK_URL"])
    server = ThreadingHTTPServer((str(address.hostname), int(address.port or 0)), Handler)
    thread = threading.Thread(target=server.serve_forever, name="alert-receiver", daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()


@pytest.fixture
def receiver(receiver_at: Receiver) -> Receiver:
    """The receiver, with nothing from earlier tests."""
    receiver_at.forget()
    return receiver_at


class Monitoring:
    """Prometheus and Alertmanager of the test stack."""

    def __init__(self, env: dict[str, str]) -> None:
        self._prometheus = env["PROMETHEUS_URL"]
        self._alertmanager = env["ALERTMANAGER_URL"]

    def states(self, **labels: str) -> set[str]:
        """States that Prometheus gives to alerts with these labels; none: inactive."""
        alerts = httpx.get(f"{self._prometheus}/api/v1/alerts", timeout=10).raise_for_status().json()["data"]["alerts"]
        return {alert["state"] for alert in alerts if labels.items() <= alert["labels"].items()}

    def is_silenced(self, **labels: str) -> bool:
        """Whether Alertmanager has such an alert and passes none on, because another explains it."""
        alerts = httpx.get(f"{self._alertmanager}/api/v2/alerts", timeout=10).raise_for_status().json()
        found = [alert["status"] for alert in alerts if labels.items() <= alert["labels"].items()]
        return bool(found) and all(status["inhibitedBy"] for status in found)

    def value(self, expression: str) -> float | None:
        answer = httpx.get(f"{self._prometheus}/api/v1/query", params={"query": expression}, timeout=10).json()
        result = answer["data"]["result"]
        return float(result[0]["value"][1]) if result else None


@pytest.fixture
def receiver_told_anew(stack: Any, receiver_at: Receiver) -> Receiver:
    """The receiver; of what is firing already Alertmanager tells it once more."""
    forget_what_was_told(stack)
    receiver_at.forget()
    return receiver_at


@pytest.fixture
def monitoring(watched: Any) -> Monitoring:
    return Monitoring(watched.env)


@pytest.fixture
def pay(demo: Any, watched: Any) -> Iterator[Callable[..., int]]:
    """Posts one payment and returns the status of the answer; named arguments are fields that it should have."""
    assert demo.stack is watched, "payments would have no model"
    headers = {"Authorization": f"Bearer {watched.env['FRAUD_SERVING_API_KEY']}"}
    with httpx.Client(base_url=watched.env["API_URL"], headers=headers, timeout=30) as api:

        def post(_: int = 0, **fields: Any) -> int:
            body = {"transaction_id": f"alert-{uuid4()}", "user_id": "U0001", "merchant_id": "M001", "amount": 5}
            # while the profiles are new: a hundred payments of today would rightly be called scored with old ones
            body["event_time"] = "2026-10-01T13:00:00Z"
            return api.post("/predict", json=body | fields).status_code

        yield post


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """``eventually(holds, seconds, what)``: the first true answer of ``holds``."""

    def wait(holds: Callable[[], Any], seconds: float, what: Callable[[], str]) -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := holds()):
            if time.monotonic() > deadline:
                pytest.fail(f"{what()}: not within {seconds:g} s", pytrace=False)
            time.sleep(0.2)
        return answer

    return wait
