"""Grafana, which the set-up cannot install: used where it is, left out with one line where it is not."""

from pathlib import Path

import pytest

from fraud_native import definition
from fraud_native.bringup import Ready
from fraud_native.doctor import findings
from fraud_native.launcher import Launcher
from fraud_native.paths import Stack, ToolMissingError, Tools

VERSION = {"GRAFANA_VERSION": "12.0.0"}


@pytest.fixture(autouse=True)
def no_grafana(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAFANA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The two files by which an unpacked Grafana is recognised."""
    for file in ("bin/grafana", "conf/defaults.ini"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch(mode=0o755)
    return tmp_path


class Recorder(Launcher):
    """A launcher that notes what it would start."""

    def start(self, *names: str, again: object = ()) -> list[Ready]:  # noqa: ARG002
        self.started = names
        return []


def test_a_named_folder_and_a_program_on_path_are_both_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Tools({**VERSION, "GRAFANA_HOME": str(home)}).grafana_home == home
    monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin")
    assert Tools(VERSION).grafana_home == home


def test_a_program_that_is_linked_from_elsewhere_belongs_to_its_own_folder(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path_factory.mktemp("links")
    (links / "grafana").symlink_to(home / "bin" / "grafana")
    monkeypatch.setenv("PATH", f"{links}:/usr/bin")
    assert Tools(VERSION).grafana_home == home


def test_a_named_folder_without_a_grafana_is_not_silently_replaced(home: Path, tmp_path: Path) -> None:
    (home / "conf" / "defaults.ini").unlink()
    with pytest.raises(ToolMissingError, match=f"GRAFANA_HOME={home} holds no Grafana"):
        _ = Tools({**VERSION, "GRAFANA_HOME": str(home)}).grafana_home


def test_a_bring_up_of_its_phase_goes_on_without_it_and_says_how_to_get_it() -> None:
    said: list[str] = []
    launcher = Recorder(Stack("test"), said.append)
    launcher.up([5])
    assert set(launcher.started) == {*definition.of_phases([5])} - {"grafana"}
    (line,) = said
    assert "\n" not in line
    for part in ("grafana", "left out", "https://", "GRAFANA_HOME", "make start SERVICE=grafana"):
        assert part in line


def test_where_it_is_installed_its_phase_starts_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_HOME", str(home))
    said: list[str] = []
    launcher = Recorder(Stack("test"), said.append)
    launcher.up([5])
    assert "grafana" in launcher.started
    assert said == []
    assert launcher.services["grafana"].spec().command[:2] == [str(home / "bin" / "grafana"), "server"]


def test_who_asks_for_it_by_name_is_not_left_without_it_silently() -> None:
    launcher = Recorder(Stack("test"), lambda _: None)
    launcher.up((), services=["grafana"])
    assert launcher.started == ("grafana",)
    assert launcher.services["grafana"].missing_tools()


def test_its_absence_does_not_stand_in_the_way() -> None:
    assert not [sentence for sentence in findings(Launcher(Stack("test"))) if "grafana" in sentence.lower()]
