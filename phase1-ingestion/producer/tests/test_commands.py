"""What the commands refuse, and what they ask; nothing here gets as far as sending."""

import inspect
import re
import socket
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from fraud_producer.cli import app
from fraud_producer.commands import menu as asking
from fraud_producer.commands import replay as replaying
from fraud_producer.commands import simulate as simulating
from fraud_producer.commands import streaming
from fraud_producer.errors import SettingsError, SourceError
from fraud_producer.settings import Settings, flag_of, load_settings
from fraud_producer.simulator.scenarios import SCENARIOS

# what is no question of a single run: addresses, keys, places
NOT_A_FLAG = {
    "kafka_bootstrap_servers",
    "schema_registry_url",
    "fraud_producer_pan_key",
    "fraud_producer_pan_key_id",
    "fraud_producer_ledger_dir",
    "fraud_bind_host",
    "producer_metrics_port",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
        "FRAUD_PRODUCER_PAN_KEY": "a secret of enough characters",
        "FRAUD_PRODUCER_LEDGER_DIR": str(tmp_path / "ledger"),
        "PRODUCER_METRICS_PORT": "0",
    }.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def run(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(app, arguments, **more)


def words(result: Result) -> str:
    """What was said, without the frame and the line breaks of a message box."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.output).split())


def test_every_setting_is_a_flag_of_simulate() -> None:
    flags = {flag_of(name) for name in Settings.model_fields if name not in NOT_A_FLAG}
    parameters = inspect.signature(simulating.simulate).parameters
    assert {f"--{name.replace('_', '-')}" for name in parameters} >= flags


@pytest.mark.parametrize(
    ("flag", "value", "sentence"),
    [
        ("--login-rate", "11", "--login-rate is 11.0: it must be less than or equal to 10"),
        ("--card-rate", "-1", "--card-rate is -1.0: it must be greater than or equal to 0"),
        ("--kyc-rate", "nan", "--kyc-rate is nan: it must be"),
        ("--alert-rate", "99", "--alert-rate is 99.0: it must be"),
        ("--rate", "0", "--rate is 0.0: it must be greater than 0"),
        ("--fraud-rate", "0.5", "--fraud-rate is 0.5: it must be less than or equal to 0.2"),
        ("--customers", "3", "--customers is 3: it must be greater than or equal to 10"),
        ("--seed", "-1", "--seed is -1: it must be greater than or equal to 0"),
        ("--structuring-threshold", "1", "--structuring-threshold is 1.0: it must be greater than or equal to 100"),
        ("--alert-workers", "33", "--alert-workers is 33: it must be less than or equal to 32"),
        ("--alert-queue-size", "0", "--alert-queue-size is 0: it must be greater than or equal to 1"),
    ],
)
def test_a_flag_out_of_its_range_is_refused_with_one_sentence(flag: str, value: str, sentence: str) -> None:
    refused = run("simulate", "--mode", "stream", "--duration", "1", flag, value).exception
    assert isinstance(refused, SettingsError)
    assert str(refused).startswith(sentence)
    assert "\n" not in str(refused)


def test_a_flag_overrules_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGIN_RATE", "2")
    monkeypatch.setenv("CARD_RATE", "3")
    settings = load_settings().with_flags(login_rate=5.0, card_rate=None)
    assert (settings.login_rate, settings.card_rate) == (5.0, 3.0)


@pytest.mark.parametrize(
    ("name", "value"), [("LOGIN_RATE", "11"), ("ALERT_WORKERS", "-1"), ("MINUTE_TICK_ENABLED", "perhaps")]
)
def test_a_wrong_variable_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"^{name} is empty or wrong"):
        load_settings()


@pytest.mark.parametrize("text", ["velocity_burst", "[1]", "{bust_out: 1}"])
def test_shares_that_are_no_object_are_refused(text: str) -> None:
    said = run("simulate", "--scenario-shares", text)
    assert said.exit_code == 2
    assert "is no JSON object such as" in words(said)


def test_shares_of_a_scenario_that_is_none_are_refused() -> None:
    refused = run("simulate", "--scenario-shares", '{"robbery": 1}').exception
    assert isinstance(refused, SettingsError)
    assert "scenario shares name 'robbery'" in str(refused)


@pytest.mark.parametrize(
    ("mode", "flag"),
    [
        ("batch", "--rate=5"),
        ("batch", "--duration=5"),
        ("batch", "--minute-tick"),
        ("stream", "--end=2026-01-01"),
        ("burst", "--rate=5"),
        ("burst", "--clock=real"),
        ("burst", "--transactions=5"),
    ],
)
def test_what_has_no_meaning_in_a_mode_is_refused(mode: str, flag: str) -> None:
    said = run("simulate", "--mode", mode, flag)
    assert said.exit_code == 2
    assert f"it has no meaning with --mode {mode}" in words(said)


def test_real_time_has_a_most() -> None:
    said = run("simulate", "--mode", "stream", "--clock", "real", "--rate", "500", "--duration", "1")
    assert isinstance(said.exception, SettingsError)
    assert str(said.exception) == "--rate is 500: with --clock real it must be at most 10.4"


def test_a_metrics_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("PRODUCER_METRICS_PORT", str(taken.getsockname()[1]))
        said = run("stream", "--duration", "1")
    assert isinstance(said.exception, SettingsError)
    assert "end the producer service with `make stop SERVICE=producer`" in str(said.exception)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "map.yml").write_text("columns: {event_time: t, user_id: u, merchant_id: m, amount: a}\n")
    path = tmp_path / "payments.csv"
    path.write_text("t,u,m,a\n2026-01-01T00:00:00Z,u1,m1,5\n")
    return path


def send_somehow(how: str, file: Path) -> Result:
    return {
        "batch": lambda: run("simulate"),
        "burst": lambda: run("simulate", "--mode", "burst"),
        "menu's history": lambda: run("menu", input="1\n\n\n\n"),
        "menu's burst": lambda: run("menu", input="3\n\n\n"),
        "replay": lambda: run("replay", str(file), "--mapping", str(file.with_name("map.yml")), "--append"),
    }[how]()


SENDS = {
    "batch": (simulating, "send_history"),
    "burst": (simulating, "send_live"),
    "menu's history": (asking, "send_history"),
    "menu's burst": (asking, "send_live"),
    "replay": (replaying, "_send"),
}


@pytest.mark.parametrize("how", SENDS)
def test_what_ends_by_itself_can_be_watched_meanwhile_and_takes_the_port_from_no_service(
    how: str, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PRODUCER_METRICS_PORT", str(free_port()))
    caplog.set_level("INFO")
    said = {}

    def look(*_: object, **__: object) -> None:
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+", caplog.text)
        assert not address.endswith(f":{load_settings().producer_metrics_port}")
        for page in ("health", "metrics"):
            said[f"{address}/{page}"] = httpx.get(f"{address}/{page}").text

    monkeypatch.setattr(*SENDS[how], look)
    done = send_somehow(how, file)
    assert done.exit_code == 0, done.output
    health, metrics = said.values()
    assert health == '{"status": "idle"}'
    assert "fraud_producer_events_total" in metrics
    for address in said:
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)


def test_a_service_that_may_not_send_waits_and_tries_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streaming, "_TRY_AGAIN_SECONDS", 0.05)
    attempts = []

    def occupied_twice(*_: object) -> None:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise SourceError("somebody else sends")

    monkeypatch.setattr(streaming, "send_live", occupied_twice)
    assert run("simulate", "--mode", "stream").exit_code == 0
    assert len(attempts) == 3
    assert caplog.text.count("somebody else sends; waiting") == 1


class AskedError(Exception):
    """Ends a command where it has asked for what the test wants to see."""


@pytest.mark.parametrize("mode", ["stream", "burst"])
def test_reactive_alerts_have_the_workers_and_the_queue_of_the_settings(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reactive(*given: int) -> Any:
        raise AskedError(given)

    world = SimpleNamespace(config=SimpleNamespace(start_us=0))
    nothing = SimpleNamespace(world=world, events=lambda **_: iter(()))
    monkeypatch.setattr(streaming, "continue_simulation", lambda *_, **__: nothing)
    monkeypatch.setattr(streaming, "sending", lambda _: nullcontext())
    monkeypatch.setattr(streaming, "ReactiveAlerts", reactive)
    monkeypatch.setenv("ALERT_WORKERS", "3")
    monkeypatch.setenv("ALERT_QUEUE_SIZE", "77")
    asked = run("simulate", "--mode", mode, "--duration", "1").exception
    assert isinstance(asked, AskedError), asked
    assert asked.args == ((3, 77),)


def test_scenarios_are_listed_with_what_they_are() -> None:
    for said in (run("scenario", "--list"), run("scenario")):
        assert said.exit_code == 0
        lines = said.stdout.splitlines()
        assert [line.split()[0] for line in lines] == [scenario.name for scenario in SCENARIOS]
        assert all(len(line.split()) > 4 for line in lines)


def test_an_unknown_scenario_names_the_known_ones() -> None:
    said = run("scenario", "bank_robbery")
    assert said.exit_code == 2
    assert "'bank_robbery' is no scenario: use one of" in words(said)
    for scenario in SCENARIOS:
        assert scenario.name in words(said)


def test_simulate_asks_a_person_who_gives_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulating, "is_interactive", lambda: True)
    said = run("simulate", input="5\n")
    assert said.exit_code == 0
    assert "What shall be sent?" in said.output
    assert said.output.endswith("Nothing was sent.\n")


def test_simulate_asks_nothing_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulating, "send_history", lambda *_: None)
    assert "What shall be sent?" not in run("simulate").output


def test_the_menu_asks_again_until_it_understands() -> None:
    said = run("menu", input="9\nhistory\n2\n-5\n0\n30\nfast\nreal\nsoon\n5\nmaybe\nfalse\nn\n")
    for complaint in (
        "'9' is not one of 1, 2, 3, 4, 5",
        "'history' is not one of",
        "--rate is -5: it must be greater than 0",
        "'fast' is not one of rate, real",
        "'soon' is no number from 0 on",
        "--minute-tick is maybe: it must be",
    ):
        assert complaint in said.output
    # thirty a second are too many in real time, which is said before anything is looked for
    assert isinstance(said.exception, SettingsError)


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the menu would send: settings and what was answered, of the stack that is not there."""
    asked: list[tuple[Any, ...]] = []
    for name in ("send_live", "send_case"):
        monkeypatch.setattr(asking, name, lambda *given: asked.append(given))
    return asked


@pytest.mark.parametrize(
    ("answers", "live", "rate", "minute_tick"),
    [
        (("50", "rate", "3", "", "n"), streaming.Live(streaming.Clock.RATE, 1, 3.0), 50, None),
        (("5", "real", "0", "true", ""), streaming.Live(streaming.Clock.REAL, 1, None), 5, True),
        (("", "", "", "", ""), streaming.Live(streaming.Clock.RATE, 1, None), None, None),
    ],
)
def test_the_menu_s_stream_is_as_answered(
    asked_for: list[tuple[Any, ...]],
    answers: tuple[str, ...],
    live: streaming.Live,
    rate: float | None,
    minute_tick: bool | None,
) -> None:
    said = run("menu", input="\n".join(["2", *answers]) + "\n")
    assert said.exit_code == 0, said.output
    ((settings, asked, _),) = asked_for
    assert asked == live
    assert settings == load_settings().with_flags(transaction_rate=rate, minute_tick_enabled=minute_tick)


def test_the_menu_s_burst_is_as_long_as_answered_and_of_the_world_that_is_described(
    asked_for: list[tuple[Any, ...]],
) -> None:
    said = run("menu", input="\n".join(["3", "ten", "-1", "2.5", "y", "3", "40", "9", "0.1", *[""] * 5]) + "\n")
    assert said.exit_code == 0, said.output
    for complaint in (
        "'ten' is no number from 0 on",
        "'-1' is no number from 0 on",
        "--customers is 3: it must be greater than or equal to 10",
    ):
        assert complaint in said.output
    ((settings, live, _),) = asked_for
    assert live == streaming.Live(streaming.Clock.FAST, 1, 2.5)
    assert (settings.customer_pool_size, settings.fraud_producer_seed, settings.fraud_rate) == (40, 9, 0.1)
    assert settings.login_rate == load_settings().login_rate


def test_the_menu_s_burst_is_ten_seconds_of_the_usual_world(asked_for: list[tuple[Any, ...]]) -> None:
    assert run("menu", input="3\n\n\n").exit_code == 0
    ((settings, live, _),) = asked_for
    assert live == streaming.Live(streaming.Clock.FAST, 1, 10.0)
    assert settings == load_settings()


def test_the_menu_s_case_is_one_of_those_it_names_and_of_whom_was_asked_for(asked_for: list[tuple[Any, ...]]) -> None:
    said = run("menu", input="4\nrobbery\nbust_out\nU0042\n")
    assert said.exit_code == 0, said.output
    names = [scenario.name for scenario in SCENARIOS]
    assert f"Scenarios: {', '.join(names)}" in said.output
    assert f"'robbery' is not one of {', '.join(names)}" in said.output
    assert run("menu", input="4\n\n\n").exit_code == 0
    assert asked_for == [(load_settings(), "bust_out", "U0042"), (load_settings(), names[0], None)]


def test_a_menu_whose_answers_end_sends_nothing() -> None:
    said = run("menu", input="1\n")
    assert said.exit_code == 1
    assert "Aborted" in said.output
