"""The menu: what can be sent, asked for in plain questions, each with what is usual as its answer."""

from collections.abc import Callable
from typing import Any, Final

import typer

from fraud_producer.commands.history import Span, send_history
from fraud_producer.commands.scenario import send_case
from fraud_producer.commands.sending import watchable
from fraud_producer.commands.streaming import Clock, Live, send_live
from fraud_producer.errors import SettingsError
from fraud_producer.settings import Settings, load_settings
from fraud_producer.simulator.config import DEFAULT_PER_DAY
from fraud_producer.simulator.scenarios import SCENARIOS
from fraud_producer.stopping import Stop

# What can be changed about the world, with the words for it.
_WORLD: Final = {
    "customer_pool_size": "Customers",
    "fraud_producer_seed": "Seed of the world",
    "fraud_rate": "Share of fraudulent payments",
    "structuring_threshold": "Amount from which a transfer has to be reported",
    "login_rate": "Honest sign-ins (factor)",
    "card_rate": "Honest card events (factor)",
    "kyc_rate": "Honest profile changes (factor)",
    "alert_rate": "External alerts (factor)",
}


def menu() -> None:
    """Ask what to send, and send it. Enter takes the answer in brackets, Ctrl-C leaves."""
    settings = load_settings()
    typer.echo("What shall be sent?")
    for key, (text, _) in _CHOICES.items():
        typer.echo(f"  {key}  {text}")
    choice = _ask("Choice", "1", _one_of(_CHOICES))
    _CHOICES[choice][1](settings)


def _history(settings: Settings) -> None:
    days = _ask("Days", 30, _whole_from_one)
    transactions = _ask("Payments in all", round(DEFAULT_PER_DAY * days), _whole_from_one)
    settings = _with_world(settings)
    with watchable(settings):
        send_history(settings, Span(days, transactions=transactions))


def _stream(settings: Settings) -> None:
    settings = _ask_setting(settings, "transaction_rate", "Payments per second")
    clock = _ask("Clock: rate (as fast as that) or real", "rate", _one_of({"rate": 0, "real": 0}))
    seconds = _ask("Seconds (0: until Ctrl-C)", 0.0, _number_from_zero)
    settings = _ask_setting(settings, "minute_tick_enabled", "At least one event of each kind per simulated minute")
    _live(_with_world(settings), Live(Clock(clock), 1, seconds or None))


def _burst(settings: Settings) -> None:
    seconds = _ask("Seconds", 10.0, _number_from_zero)
    _live(_with_world(settings), Live(Clock.FAST, 1, seconds))


def _case(settings: Settings) -> None:
    names = {scenario.name: 0 for scenario in SCENARIOS}
    typer.echo(f"Scenarios: {', '.join(names)}")
    name = _ask("Scenario", next(iter(names)), _one_of(names))
    user = _ask("User (empty: anybody)", "", str)
    send_case(settings, name, user or None)


def _quit(_: Settings) -> None:
    typer.echo("Nothing was sent.")


_CHOICES: Final[dict[str, tuple[str, Callable[[Settings], None]]]] = {
    "1": ("a history, as fast as possible", _history),
    "2": ("a live stream, at a rate", _stream),
    "3": ("a burst of live events, as fast as possible", _burst),
    "4": ("one labelled case of fraud", _case),
    "5": ("nothing", _quit),
}


def _live(settings: Settings, live: Live) -> None:
    with Stop() as stop, watchable(settings):
        send_live(settings, live, stop)


def _with_world(settings: Settings) -> Settings:
    """The settings after the questions about the world; a world that is there already goes on as it is."""
    if typer.confirm("Change customers, fraud or the rates of the other kinds?", default=False):
        for name, text in _WORLD.items():
            settings = _ask_setting(settings, name, text)
    return settings


def _ask_setting(settings: Settings, name: str, text: str) -> Settings:
    """Ask until the answer is a value of that setting."""
    while True:
        answer = typer.prompt(text, default=str(getattr(settings, name)).lower())
        try:
            return settings.with_flags(**{name: answer})
        except SettingsError as wrong:
            typer.echo(f"  {wrong}")


def _ask(text: str, default: Any, read: Callable[[str], Any]) -> Any:
    """Ask until ``read`` takes the answer."""
    while True:
        answer = typer.prompt(text, default=str(default), show_default=bool(str(default)))
        try:
            return read(answer)
        except ValueError as wrong:
            typer.echo(f"  {wrong}")


def _one_of(known: dict[str, Any]) -> Callable[[str], str]:
    def read(answer: str) -> str:
        if answer not in known:
            raise ValueError(f"{answer!r} is not one of {', '.join(known)}")
        return answer

    return read


def _whole_from_one(answer: str) -> int:
    if not answer.isascii() or not answer.isdigit() or int(answer) < 1:
        raise ValueError(f"{answer!r} is no whole number from 1 on")
    return int(answer)


def _number_from_zero(answer: str) -> float:
    try:
        number = float(answer)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError(f"{answer!r} is no number from 0 on")
    return number
