"""Sending live events into the running platform: at a rate, by the simulated clock, or as fast as they go."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import typer

from fraud_producer.commands.options import last_full_hour_us, simulation_config
from fraud_producer.commands.sending import sending
from fraud_producer.continuation import Continuation, continue_simulation
from fraud_producer.errors import SettingsError, SourceError
from fraud_producer.events import Event, iso
from fraud_producer.feeding import feed, feed_at_rate
from fraud_producer.metrics import serve_metrics
from fraud_producer.pacing import in_real_time, limited
from fraud_producer.producer import EventProducer
from fraud_producer.reactive_alerts import ReactiveAlerts, with_reactive_alerts
from fraud_producer.settings import Settings
from fraud_producer.simulator.config import DEFAULT_PER_DAY, MAX_PER_DAY
from fraud_producer.sole_sender import sole_sender
from fraud_producer.stopping import Stop

log = logging.getLogger(__name__)

_SECONDS_PER_DAY: Final = 86_400
_TRY_AGAIN_SECONDS: Final = 10.0


class Clock(StrEnum):
    """How the simulated clock runs while live events are sent.

    ``rate``: as fast as TRANSACTION_RATE payments a second make it. ``real``: like a real one. ``fast``: as fast as the
    broker takes the events.
    """

    RATE = "rate"
    REAL = "real"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class Live:
    """How live events are sent: by which clock, how far back to begin when the topics are empty, and until when."""

    clock: Clock
    days: int
    seconds: float | None = None
    payments: int | None = None


def send_live(settings: Settings, live: Live, stop: Stop) -> None:
    """Send live events until an end is asked for or a limit is reached, going on where the topics end.

    With ``Clock.REAL`` a new world brings TRANSACTION_RATE payments a second on average over the day; a world that is
    there already brings what it does.

    Raises:
        SourceError: the topics hold somebody's own payments, or another process sends.
        SettingsError: a world cannot bring that many payments in real time.
    """
    per_day = settings.transaction_rate * _SECONDS_PER_DAY if live.clock is Clock.REAL else DEFAULT_PER_DAY
    if per_day > MAX_PER_DAY:
        most = MAX_PER_DAY / _SECONDS_PER_DAY
        raise SettingsError(f"--rate is {settings.transaction_rate:g}: with --clock real it must be at most {most:.1f}")
    with sole_sender(settings.fraud_producer_ledger_dir):
        start_us = last_full_hour_us() - live.days * _SECONDS_PER_DAY * 1_000_000
        wanted = simulation_config(settings, start_us, per_day=per_day)
        _send(settings, continue_simulation(settings, wanted, exactly=False), live, stop)


def _send(settings: Settings, continuation: Continuation, live: Live, stop: Stop) -> None:
    log.info("sending by clock %s; the world began %s", live.clock, iso(continuation.world.config.start_us))
    coming = continuation.events(minute_tick=settings.minute_tick_enabled and live.clock is not Clock.FAST)
    with sending(settings) as run, ReactiveAlerts(settings.alert_workers, settings.alert_queue_size) as reactive:
        _feed(run.producer, with_reactive_alerts(coming, reactive), settings, live, stop)
        # the last payments deserve their alerts too
        reactive.close()
        for alert in reactive.alerts():
            run.producer.send(alert, stop)
    typer.echo(run.summary())
    run.producer.require_complete()


def _feed(producer: EventProducer, events: Iterator[Event], settings: Settings, live: Live, stop: Stop) -> None:
    within = limited(events, live.seconds, live.payments)
    if live.clock is Clock.RATE:
        feed_at_rate(producer, within, stop, settings.transaction_rate, live.seconds)
    elif live.clock is Clock.REAL:
        feed(producer, in_real_time(within, stop, producer.poll, live.seconds), stop)
    else:
        feed(producer, within, stop)


def send_live_as_a_service(settings: Settings, live: Live, stop: Stop) -> None:
    """``send_live`` with metrics; waits where it may not send: a service that exits would be started again and again.

    Raises:
        SettingsError: the port of the metrics is taken.
    """
    try:
        serve_metrics(settings.fraud_bind_host, settings.producer_metrics_port)
    except OSError as problem:
        raise SettingsError(
            f"PRODUCER_METRICS_PORT is {settings.producer_metrics_port}, which cannot be used ({problem.strerror}): "
            "end the producer service with `make stop SERVICE=producer`, or set another port"
        ) from problem
    deadline = None if live.seconds is None else time.monotonic() + live.seconds
    said = ""
    while not stop.requested and (deadline is None or time.monotonic() < deadline):
        try:
            send_live(settings, live, stop)
        except SourceError as occupied:
            if str(occupied) != said:
                said = str(occupied)
                log.warning("%s; waiting", said)
            # whoever sends now may end, and the topics may be emptied
            stop.wait(_TRY_AGAIN_SECONDS)
        else:
            return
