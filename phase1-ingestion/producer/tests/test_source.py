"""What filled the topics is remembered."""

import json
from pathlib import Path

import pytest

from fraud_producer.errors import SourceError
from fraud_producer.simulator import SimulationConfig
from fraud_producer.simulator.config import WORLD_VERSION
from fraud_producer.source import FileSource, Remembered, read_source, write_source


@pytest.mark.parametrize(
    "source", [SimulationConfig(start_us=5, seed=3, fraud_rate=0.02), FileSource("/a.csv", "/m.yml", 17, 5, 4.5)]
)
def test_a_source_survives(tmp_path: Path, source: SimulationConfig | FileSource) -> None:
    for complete in (False, True):
        write_source(tmp_path / "ledger", source, complete=complete)
        assert read_source(tmp_path / "ledger") == Remembered(source, complete, WORLD_VERSION)


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    assert read_source(tmp_path) is None


def test_a_world_of_another_simulator_is_not_gone_on_with(tmp_path: Path) -> None:
    path, config = tmp_path / "source.json", SimulationConfig(start_us=5)
    write_source(tmp_path, config, complete=True)
    stored = json.loads(path.read_text())
    for version, other in (
        (WORLD_VERSION - 1, {**stored, "world_version": WORLD_VERSION - 1}),
        (WORLD_VERSION + 1, {**stored, "world_version": WORLD_VERSION + 1}),
        # the first ones were remembered without one
        (1, {"kind": "simulation", "start_us": 5}),
    ):
        path.write_text(json.dumps(other))
        remembered = read_source(tmp_path)
        assert remembered == Remembered(config, complete=True, world_version=version)
        with pytest.raises(SourceError, match=r"another version of the simulator.*FRESH=1"):
            remembered.simulation()
    path.write_text(json.dumps(stored))
    remembered = read_source(tmp_path)
    assert remembered is not None
    assert remembered.simulation() == config


def test_nothing_is_simulated_into_somebodys_own_payments(tmp_path: Path) -> None:
    write_source(tmp_path, FileSource("/a.csv", "/m.yml"), complete=True)
    remembered = read_source(tmp_path)
    assert remembered is not None
    with pytest.raises(SourceError, match=r"/a\.csv: nothing is simulated into them.*FRESH=1"):
        remembered.simulation()


def test_a_broken_memory_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"kind": "file"}'):
        (tmp_path / "source.json").write_text(text)
        with pytest.raises(SourceError, match=r"source\.json is broken.*make clean"):
            read_source(tmp_path)
