"""`make demo PHASES=5`: what is brought up at the end, and what is printed of it."""

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from fraud_native.bringup import Ready
from fraud_native.cli import app
from fraud_native.demo.options import DemoOptions
from fraud_native.demo.report import print_where_to_look
from fraud_native.demo.run import Demo
from fraud_native.launcher import Launcher
from fraud_native.paths import Stack


class Recorder(Launcher):
    """A launcher that notes what it would start."""

    def start(self, *names: str, again: object = ()) -> list[Ready]:  # noqa: ARG002
        self.started = names
        return []


@pytest.fixture
def launcher() -> Recorder:
    return Recorder(Stack("test"), lambda _: None)


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def printed(at: Console) -> str:
    assert isinstance(at.file, io.StringIO)
    return at.file.getvalue()


def test_the_living_platform_is_up_afterwards_its_producer_included(launcher: Recorder) -> None:
    Demo(launcher, DemoOptions(watched=True), console()).bring_up_watchers(own_data=False)
    assert {"prometheus", "alertmanager", "superset", "producer", "api"} <= set(launcher.started)


def test_nothing_simulated_is_mixed_into_somebodys_own_payments(launcher: Recorder) -> None:
    at = console()
    Demo(launcher, DemoOptions(watched=True), at).bring_up_watchers(own_data=True)
    assert "producer" not in launcher.started
    assert "producer stays stopped" in printed(at)


def test_addresses_of_phase_5_are_printed_when_it_is_up_and_only_then(launcher: Recorder) -> None:
    at = console()
    print_where_to_look(launcher.env(), {"api", "superset", "prometheus", "alertmanager"}, at)
    text = printed(at)
    for variable in ("PROMETHEUS_URL", "ALERTMANAGER_URL", "SUPERSET_URL"):
        assert launcher.env()[variable] in text
    assert "Grafana" not in text
    at = console()
    print_where_to_look(launcher.env(), {"api"}, at)
    assert "Prometheus" not in printed(at)


def test_other_phases_than_the_fifth_are_refused() -> None:
    done = CliRunner().invoke(app, ["--stack", "test", "demo", "--phases", "3"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "PHASES=5" in done.output
