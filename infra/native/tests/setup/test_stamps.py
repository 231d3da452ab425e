from pathlib import Path

import pytest

from fraud_native.setup.stamps import Stamp, disk_usage, key_of, move_into_place


@pytest.fixture
def pom(tmp_path: Path) -> Path:
    file = tmp_path / "pom.xml"
    file.write_text("<project/>")
    return file


def test_key_changes_with_a_version_and_with_a_file(pom: Path) -> None:
    before = key_of({"version": "1"}, [pom])
    assert key_of({"version": "1"}, [pom]) == before
    assert key_of({"version": "2"}, [pom]) != before
    pom.write_text("<project></project>")
    assert key_of({"version": "1"}, [pom]) != before


def test_stamp_matches_only_its_key_and_while_the_outputs_are_there(tmp_path: Path) -> None:
    output = tmp_path / "kafka"
    output.mkdir()
    stamp = Stamp(tmp_path / "stamps" / "kafka-1")
    assert not stamp.matches("a", [output])
    stamp.write("a")
    assert stamp.matches("a", [output])
    assert not stamp.matches("b", [output])
    output.rmdir()
    assert not stamp.matches("a", [output])


def test_a_removed_stamp_matches_nothing(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "stamp")
    stamp.write("a")
    stamp.remove()
    stamp.remove()
    assert not stamp.matches("a", [])


def test_moving_into_place_replaces_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    target, fresh = tmp_path / "trino", tmp_path / "trino.tmp"
    for folder, content in ((target, "old"), (fresh, "new")):
        folder.mkdir()
        (folder / content).touch()
    move_into_place(fresh, target)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["trino"]


def test_moving_into_place_makes_the_parent_of_a_file(tmp_path: Path) -> None:
    fresh = tmp_path / "minio"
    fresh.write_text("program")
    move_into_place(fresh, tmp_path / "bin" / "minio")
    assert (tmp_path / "bin" / "minio").read_text() == "program"


def test_disk_usage_counts_hard_links_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    assert disk_usage(tmp_path) == 1000
    assert disk_usage(tmp_path / "a") == 1000
    assert disk_usage(tmp_path / "missing") == 0
