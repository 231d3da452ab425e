"""Messages that are no payments, and what the alert about them does: pending, firing, told, resolved."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from confluent_kafka import KafkaException, Message, Producer

from fraud_contracts import TRANSACTIONS, LedgerFiles, new_run_id

ALERT: Final = "QuarantineGrowing"
MESSAGES: Final = 50
POLL_SECONDS: Final = 1.0
# a batch of the Bronze writer, two scrapes, and what the rule waits; then its window of five minutes
FIRING_WITHIN_SECONDS: Final = 180.0
RESOLVED_WITHIN_SECONDS: Final = 480.0
_SEND_SECONDS: Final = 30.0
# how long Prometheus or Alertmanager may be away while it is being watched, a restart for instance
PATIENCE_SECONDS: Final = 30.0
# two scrapes: what has just been started is not read yet
_READ_WITHIN_SECONDS: Final = 30.0
_BRING_UP: Final = "run `make phase5-up`"
Say = Callable[[str], None]


class AlertDemoError(RuntimeError):
    """The demonstration cannot begin, or the alert did not do what it should: one sentence with the remedy."""


@dataclass(slots=True)
class Story:
    """What an alert went through, by seconds since the messages were sent."""

    chapters: dict[str, float] = field(default_factory=dict)
    _state: str = "inactive"

    def look(self, state: str, seconds: float) -> str | None:
        """The new chapter, if this look at the alert's state begins one."""
        before, self._state = self._state, state
        if state == before:
            return None
        chapter = "resolved" if state == "inactive" and before == "firing" else state
        self.chapters.setdefault(chapter, seconds)
        return chapter


class Monitoring:
    """What Prometheus and Alertmanager say about the one alert.

    Raises:
        AlertDemoError: one of them does not answer.
    """

    def __init__(self, prometheus_url: str, alertmanager_url: str) -> None:
        self._prometheus_url = prometheus_url
        self._alertmanager_url = alertmanager_url
        self._http = httpx.Client(timeout=10)
        self.patience_seconds = 0.0

    def state(self) -> str:
        """``inactive``, ``pending`` or ``firing``, as Prometheus has it."""
        alerts = self._get(f"{self._prometheus_url}/api/v1/alerts")["data"]["alerts"]
        return next((str(alert["state"]) for alert in alerts if _is_ours(alert["labels"])), "inactive")

    def told(self) -> bool:
        """Whether Alertmanager has the alert and passes it on."""
        alerts = self._get(f"{self._alertmanager_url}/api/v2/alerts", active="true")
        return any(_is_ours(alert["labels"]) and alert["status"]["state"] == "active" for alert in alerts)

    def query(self, expression: str) -> float | None:
        """The first value of an instant query."""
        result = self._get(f"{self._prometheus_url}/api/v1/query", query=expression)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def _get(self, url: str, **parameters: str) -> Any:
        deadline = time.monotonic() + self.patience_seconds
        while True:
            try:
                return self._http.get(url, params=parameters).raise_for_status().json()
            except httpx.HTTPError as error:
                if time.monotonic() >= deadline:
                    raise AlertDemoError(f"{url} does not answer ({type(error).__name__}): {_BRING_UP}") from error
            time.sleep(POLL_SECONDS)


def _is_ours(labels: Mapping[str, str]) -> bool:
    return labels.get("alertname") == ALERT and labels.get("topic") == TRANSACTIONS.name


def require_ready(monitoring: Monitoring) -> None:
    """Makes sure that the alert can fire, and that it is seen to begin.

    Raises:
        AlertDemoError: something does not run, or the alert is active already.
    """
    deadline = time.monotonic() + _READ_WITHIN_SECONDS
    for job in ("kafka", "bronze-writer"):
        while monitoring.query(f'max(up{{job="{job}"}})') != 1:
            if time.monotonic() >= deadline:
                raise AlertDemoError(f"Prometheus cannot read {job}: {_BRING_UP}")
            time.sleep(POLL_SECONDS)
    monitoring.told()
    if (state := monitoring.state()) != "inactive":
        raise AlertDemoError(f"{ALERT} is {state} already: wait until five minutes after the last bad message")


def send_bad_messages(bootstrap_servers: str, ledger_folder: Path) -> None:
    """Writes messages to the payments' topic that no schema describes, and into a ledger of their own.

    Raises:
        AlertDemoError: Kafka does not take them.
    """
    failed: list[str] = []
    run = new_run_id("alert-demo-")
    ledger = LedgerFiles(ledger_folder, run)

    def note(number: int, error: Any, message: Message) -> None:
        if error is not None:
            failed.append(str(error))
        else:
            ledger.acknowledge(TRANSACTIONS.name, message.partition() or 0, message.offset() or 0, f"{run}-{number}")

    try:
        producer = Producer({"bootstrap.servers": bootstrap_servers, "acks": "all", "log_level": 2})
        for number in range(MESSAGES):
            text = f"{run}: message {number} is no payment"
            key = f"alert-demo-{number}"
            producer.produce(TRANSACTIONS.name, text.encode(), key=key, on_delivery=partial(note, number))
        waiting = producer.flush(_SEND_SECONDS)
    except KafkaException as error:
        raise AlertDemoError(f"Kafka refuses the messages: {error}") from error
    finally:
        ledger.close()
    if waiting or failed:
        raise AlertDemoError(f"Kafka did not take {waiting + len(failed)} of {MESSAGES} messages: {_BRING_UP}")


def show(variables: Mapping[str, str], say: Say, progress: Say) -> Story:
    """Sends the messages and tells each change of the alert; ``progress`` is told what is being waited for.

    Raises:
        AlertDemoError: it cannot begin, or the alert does not fire or not resolve in time.
    """
    monitoring = Monitoring(variables["PROMETHEUS_URL"], variables["ALERTMANAGER_URL"])
    require_ready(monitoring)
    say(f"{ALERT} is inactive. From here to its end it takes five to seven minutes.")
    send_bad_messages(variables["KAFKA_BOOTSTRAP_SERVERS"], Path(variables["FRAUD_PRODUCER_LEDGER_DIR"]))
    began = time.monotonic()
    _tell(say, 0, f"{MESSAGES} messages that are no payments are in {TRANSACTIONS.name}")
    monitoring.patience_seconds = PATIENCE_SECONDS
    story = Story()
    told = False
    while "resolved" not in story.chapters:
        seconds = time.monotonic() - began
        if chapter := story.look(monitoring.state(), seconds):
            _tell(say, seconds, f"{ALERT} is {chapter}{_meaning(chapter)}")
        if "firing" in story.chapters and not told and monitoring.told():
            told = True
            _tell(say, seconds, f"Alertmanager has it: {_where(variables)}")
        progress(f"{seconds:4.0f} s: waiting until it {'is resolved' if 'firing' in story.chapters else 'fires'}")
        _require_in_time(story, seconds)
        time.sleep(POLL_SECONDS)
    say(
        f"{MESSAGES} rows more are in quarantine, encrypted; none is in Bronze. "
        f"What to do about it in earnest: docs/runbooks/{ALERT}.md"
    )
    return story


def _require_in_time(story: Story, seconds: float) -> None:
    if "firing" not in story.chapters and seconds > FIRING_WITHIN_SECONDS:
        raise AlertDemoError(f"{ALERT} does not fire after {seconds:.0f} s: `make kafka-lag` says whether Bronze reads")
    if seconds > FIRING_WITHIN_SECONDS + RESOLVED_WITHIN_SECONDS:
        raise AlertDemoError(f"{ALERT} is not resolved after {seconds:.0f} s: something goes on sending bad messages")


def _meaning(chapter: str) -> str:
    return {
        "pending": ": Bronze has set the messages aside, the rule waits whether that stays true",
        "firing": "",
        "resolved": ": five minutes without another one",
    }.get(chapter, "")


def _where(variables: Mapping[str, str]) -> str:
    if variables.get("ALERT_WEBHOOK_URL"):
        return "it goes to ALERT_WEBHOOK_URL"
    return f"it stands at {variables['ALERTMANAGER_URL']} (set ALERT_WEBHOOK_URL in .env to send it on)"


def _tell(say: Say, seconds: float, what: str) -> None:
    say(f"{time.strftime('%H:%M:%S')}  {seconds:4.0f} s  {what}")
