"""What filled the topics is remembered."""

import json
from pathlib import Path

import pytest

from fraud_producer.errors import SourceError
from fraud_producer.simulator import SimulationConfig
from fraud_producer.source import FileSource, is_complete, is_of_this_world, read_source, write_source


@pytest.mark.parametrize(
    "source", [SimulationConfig(start_us=5, seed=3, fraud_rate=0.02), FileSource("/a.csv", "/m.yml", 17, 5, 4.5)]
)
def test_a_source_survives(tmp_path: Path, source: SimulationConfig | FileSource) -> None:
    for complete in (False, True):
        write_source(tmp_path / "ledger", source, complete=complete)
        assert read_source(tmp_path / "ledger") == source
        assert is_complete(tmp_path / "ledger") is complete


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    assert read_source(tmp_path) is None
    assert is_complete(tmp_path) is None


def test_a_world_of_an_earlier_simulator_is_told_from_todays(tmp_path: Path) -> None:
    write_source(tmp_path, SimulationConfig(start_us=5), complete=True)
    assert is_of_this_world(tmp_path)
    path = tmp_path / "source.json"
    stored = json.loads(path.read_text())
    for earlier in ({**stored, "world_version": stored["world_version"] - 1}, {"kind": "simulation", "start_us": 5}):
        path.write_text(json.dumps(earlier))
        assert not is_of_this_world(tmp_path)
        assert read_source(tmp_path) == SimulationConfig(start_us=5)


def test_a_broken_memory_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"kind": "file"}'):
        (tmp_path / "source.json").write_text(text)
        with pytest.raises(SourceError, match=r"source\.json is broken.*make clean"):
            read_source(tmp_path)
