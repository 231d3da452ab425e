"""`make clean`: it asks, and deletes the stack's data only after a yes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fraud_native import paths
from fraud_native.cli import app


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with data of both stacks, of which nothing runs."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    # before anything is deleted
    assert all(tmp_path in paths.Stack(name).state.parents for name in paths.STACKS)
    for name in (".env", "var/kafka/00.log", "var/reports/demo.json", "var/test/.env", "var/test/kafka/00.log"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("held", encoding="utf-8")
    return tmp_path


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "the default", "nobody there to answer"])
def test_nothing_is_deleted_without_a_yes(clone: Path, answer: str) -> None:
    before = files(clone)
    done = CliRunner().invoke(app, ["clean"], input=answer)
    assert f"Delete all data in {clone / 'var'}? [y/N]" in done.output
    assert done.exit_code == 1
    assert files(clone) == before


@pytest.mark.parametrize(("arguments", "answer"), [(["clean"], "y\n"), (["clean", "--yes"], "")])
def test_a_yes_deletes_the_data_and_keeps_the_secrets_and_the_other_stack(
    clone: Path, arguments: list[str], answer: str
) -> None:
    done = CliRunner().invoke(app, arguments, input=answer)
    assert done.exit_code == 0, done.output
    assert files(clone) == {".env", "var/test/.env", "var/test/kafka/00.log"}


def test_the_test_stack_is_deleted_but_for_its_secrets(clone: Path) -> None:
    before = files(clone)
    done = CliRunner().invoke(app, ["--stack", "test", "clean"], input="y\n")
    assert done.exit_code == 0, done.output
    assert before - files(clone) == {"var/test/kafka/00.log"}
