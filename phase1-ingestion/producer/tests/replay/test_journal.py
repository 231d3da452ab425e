"""A replay that broke off is known by its content, and two processes never send it at once."""

from pathlib import Path

import pytest

from fraud_producer.errors import LedgerError, SourceError
from fraud_producer.replay.journal import Journal, digest


def test_a_replay_is_its_content_its_mapping_and_what_was_asked_for(tmp_path: Path) -> None:
    file, mapping = tmp_path / "a.csv", tmp_path / "m.yml"
    file.write_text("1")
    mapping.write_text("m")
    first = digest(file, mapping, None, 0)
    elsewhere = tmp_path / "other" / "a.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_text("1")
    assert digest(elsewhere, mapping, None, 0) == first
    assert digest(file, mapping, 5, 0) != first
    file.write_text("2")
    assert digest(file, mapping, None, 0) != first
    file.write_text("1")
    mapping.write_text("n")
    assert digest(file, mapping, None, 0) != first
    # ids that are made for rows without one contain the name
    mapping.write_text("m")
    assert digest(file, mapping, None, 0) == first
    assert digest(file.rename(tmp_path / "b.csv"), mapping, None, 0) != first


def test_what_a_run_wrote_the_next_one_reads(tmp_path: Path) -> None:
    with Journal(tmp_path, Path("a.csv"), "d") as journal:
        assert not journal.broke_off
        journal.start_over()
        journal.scanned(10, 2, 77)
        assert not journal.broke_off
        journal.begin("run1")
        assert journal.broke_off
    with Journal(tmp_path, Path("a.csv"), "d") as journal:
        assert journal.broke_off
        assert (journal.state.runs, journal.state.rows, journal.state.held_back_us) == (("run1",), 10, 77)
        journal.begin("run2")
        journal.finish()
        assert not journal.broke_off
    with Journal(tmp_path, Path("a.csv"), "d") as journal:
        assert journal.state.runs == ("run1", "run2")
        journal.start_over()
        assert journal.state.runs == ()


def test_a_file_is_sent_by_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        Journal(tmp_path, Path("a.csv"), "d"),
        pytest.raises(SourceError, match=r"a\.csv is being sent by another process"),
        Journal(tmp_path, Path("a.csv"), "d"),
    ):
        pass
    with Journal(tmp_path, Path("a.csv"), "d"):
        pass


def test_a_broken_state_names_itself_and_the_remedy(tmp_path: Path) -> None:
    with Journal(tmp_path, Path("a.csv"), "d") as journal:
        journal.start_over()
    (tmp_path / "replays" / "d.json").write_text('{"file": "a.csv"')
    with pytest.raises(LedgerError, match=r"d\.json is broken .*delete it"), Journal(tmp_path, Path("a.csv"), "d"):
        pass
