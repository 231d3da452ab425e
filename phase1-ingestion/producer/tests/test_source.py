"""What filled the topics is remembered."""

from pathlib import Path

import pytest

from fraud_producer.errors import SourceError
from fraud_producer.simulator import SimulationConfig
from fraud_producer.source import FileSource, is_complete, read_source, write_source


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


def test_a_broken_memory_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"kind": "file"}'):
        (tmp_path / "source.json").write_text(text)
        with pytest.raises(SourceError, match=r"source\.json is broken.*make clean"):
            read_source(tmp_path)
