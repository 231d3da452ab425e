"""What filled the topics is remembered."""

from pathlib import Path

import pytest

from fraud_producer.errors import SourceError
from fraud_producer.simulator import SimulationConfig
from fraud_producer.source import FileSource, read_source, write_source


@pytest.mark.parametrize(
    "source", [SimulationConfig(start_us=5, seed=3, fraud_rate=0.02), FileSource("/a.csv", "/m.yml", 17)]
)
def test_a_source_survives(tmp_path: Path, source: SimulationConfig | FileSource) -> None:
    write_source(tmp_path / "ledger", source)
    assert read_source(tmp_path / "ledger") == source


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    assert read_source(tmp_path) is None


def test_a_broken_memory_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text("{")
    with pytest.raises(SourceError, match=r"source\.json is broken.*make clean"):
        read_source(tmp_path)
