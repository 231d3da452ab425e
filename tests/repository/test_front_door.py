"""The Makefile, the README and .env.example say the same."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from fraud_native.cli import app as launcher
from fraud_native.definition import services
from fraud_native.envfile import ensure_env_file
from fraud_native.native_env import native_env
from fraud_native.paths import Stack
from fraud_producer.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = sorted(set(re.findall(r"^([a-z0-9-]+):.*?## ", MAKEFILE, flags=re.MULTILINE)))


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_fits_on_one_screen() -> None:
    shown = make("help")
    assert shown.returncode == 0
    assert len(shown.stdout.splitlines()) <= 72


@pytest.mark.parametrize("page", ["README.md", "phase3-transforms/README.md", "docs/runbooks/PipelineFailed.md"])
def test_who_lists_the_dags_lists_all_of_them(page: str) -> None:
    dags = {path.stem for path in (ROOT / "phase3-transforms/airflow/dags").glob("*.py")}
    assert len(dags) >= 4
    lists = re.findall(r"`\w+`(?:, `\w+`)+ (?:and|or) `\w+`", (ROOT / page).read_text(encoding="utf-8"))
    assert [one for one in lists if set(re.findall(r"`(\w+)`", one)) == dags], f"{page} leaves one out"


def test_a_mistyped_target_fails() -> None:
    assert make("phase1-upp").returncode != 0


def test_a_service_verb_without_its_service_fails_with_the_remedy() -> None:
    done = make("stop")
    assert done.returncode != 0
    assert "SERVICE=" in done.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_in_a_fresh_clone_a_target_makes_the_environment_before_it_uses_it(target: str) -> None:
    given = [f"{name}=x" for name in ("SERVICE", "TOPIC", "Q", "WHY")]
    shown = make("-n", target, "RUNTIME=native", "BIN=absent/bin", *given)
    assert shown.returncode == 0, shown.stderr
    # what first looks whether the environment is there can do without it
    recipe = re.sub(r"if \[ -x absent/bin/(\S+) \]; then absent/bin/\1 .*", "", shown.stdout)
    stages = (ROOT / "tests/run_stages.sh").read_text(encoding="utf-8").replace(".venv/bin", "absent/bin")
    recipe = recipe.replace("bash tests/run_stages.sh", stages)
    assert "absent/bin/" not in recipe.partition("bash infra/native/bootstrap.sh")[0]


@pytest.mark.parametrize("target", ["dbt-run", "dbt-test"])
def test_dbt_by_hand_waits_behind_the_lock_of_the_pipeline(target: str) -> None:
    scheduler = services()["airflow-scheduler"]
    # the lock lies beside the parse state: the same file where both have the same state
    stack = Stack("test")
    ensure_env_file(stack)
    variables = native_env(stack)
    assert scheduler.environment_with(variables)["DBT_TARGET_PATH"] == variables["DBT_TARGET_PATH"]
    native = make("-n", target, "RUNTIME=native").stdout
    assert re.search(r"fraud-native --stack main env\b.*; phase3-transforms/dbt_project/run-dbt ", native)
    docker = make("-n", target, "RUNTIME=docker").stdout
    wrapper = f"{scheduler.environment['DBT_PROJECT_DIR']}/run-dbt"
    assert f"docker compose exec {scheduler.name} {wrapper} " in docker


@pytest.mark.parametrize(
    "query", ['select "user_id" from "a b"', "select * from \"mart$properties\" where x = '^U0$'", "`id`", "count(*)"]
)
def test_a_query_reaches_the_launcher_as_it_was_typed(query: str) -> None:
    assert make("-s", "sql", f"Q={query}", r"NATIVE=printf '%s\n'").stdout.splitlines() == ["sql", query]


@pytest.mark.parametrize(("given", "expected"), [(["FRESH=1"], True), (["FRESH=0"], False), ([], False)])
def test_only_a_given_fresh_starts_over(monkeypatch: pytest.MonkeyPatch, given: list[str], expected: bool) -> None:
    # what the user's shell exports was meant for something else
    monkeypatch.setenv("FRESH", "1")
    assert ("--fresh" in make("-n", "demo", *given).stdout) is expected


def test_the_demo_installs_and_starts_phase_5_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    # what the user's shell exports was meant for something else
    monkeypatch.setenv("PHASES", "5")
    alone, watched = make("-n", "demo").stdout, make("-n", "demo", "PHASES=5").stdout
    assert "setup --phase 1 --phase 2 --phase 3 --phase 4\n" in alone
    assert "--phases" not in alone
    assert "setup --phase 1 --phase 2 --phase 3 --phase 4 --phase 5\n" in watched
    assert '--phases "5"' in watched


def producer_arguments(target: str, *given: str) -> list[str]:
    """What a target gives to `fraud-producer`, after the environment of the running stack was read."""
    *_, environment, command = make("-n", target, *given).stdout.strip().splitlines()[-1].split("; ")
    assert environment == "set +a"
    program, *arguments = shlex.split(command)
    assert program.endswith("/fraud-producer")
    return arguments


def documented(target: str) -> str:
    """What `make help` and the README say of a target."""
    (line,) = re.findall(rf"^{target}:.*## .*$", MAKEFILE, flags=re.MULTILINE)
    return "\n".join([line, *(row for row in README.splitlines() if re.search(rf"`make {target}\b", row))])


@pytest.mark.parametrize(
    ("target", "given", "expected"),
    [
        ("scenario", "", {"list_": True, "name": None, "user": None}),
        ("scenario", "NAME=velocity_burst", {"list_": False, "name": "velocity_burst", "user": None}),
        ("scenario", "NAME=velocity_burst USER=U0042", {"name": "velocity_burst", "user": "U0042"}),
        ("simulate", "", {"mode": "batch", "count": None}),
        ("simulate", "ARGS='--mode burst --count 500'", {"mode": "burst", "count": 500}),
        ("menu", "", {}),
        ("ledger", "", {"as_json": False}),
    ],
)
def test_what_sends_and_counts_is_called_as_it_is_documented(
    monkeypatch: pytest.MonkeyPatch, target: str, given: str, expected: dict[str, object]
) -> None:
    # what the user's shell exports was meant for something else
    for name in ("NAME", "USER", "ARGS"):
        monkeypatch.setenv(name, "mine")
    assert given in documented(target)
    command, *arguments = producer_arguments(target, *shlex.split(given))
    known = typer.main.get_command(app)
    context = known.make_context("fraud-producer", [command], resilient_parsing=True)
    called = known.get_command(context, command)  # type: ignore[attr-defined]
    understood = called.make_context(command, arguments).params
    assert command == target
    assert expected.items() <= understood.items()


def test_why_a_model_was_rolled_back_reaches_the_command_as_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # what the user's shell exports was meant for something else
    monkeypatch.setenv("WHY", "mine")
    for name in ("fraud-native", "fraud-training"):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
        program.chmod(0o755)
    why = 'it says "no" to $(everyone) for `$5`'
    rollback = ("-s", "ml-rollback", "WITH_ENV=", f"BIN={tmp_path}")
    assert json.loads(make(*rollback, f"WHY={why}").stdout) == ["rollback", "--why", why]
    assert json.loads(make(*rollback).stdout) == ["rollback"]


def test_simulate_shows_its_flags() -> None:
    assert "ARGS=--help" in documented("simulate")
    assert producer_arguments("simulate", "ARGS=--help") == ["simulate", "--help"]


VERBS = re.compile(r"^make (?:start|stop|restart|logs|clean)(?: .*)?$", flags=re.MULTILINE)
OF_THE_RUNBOOKS = sorted(
    {line for page in (ROOT / "docs/runbooks").glob("*.md") for line in VERBS.findall(page.read_text(encoding="utf-8"))}
)


@pytest.mark.parametrize("command", OF_THE_RUNBOOKS)
def test_what_a_runbook_does_to_a_service_reaches_the_launcher(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    # what the user's shell exports was meant for something else
    for name in ("BIN", "SERVICE", "STACK"):
        monkeypatch.delenv(name, raising=False)
    _, verb, *given = shlex.split(command)
    asked = dict(pair.split("=") for pair in given)
    services = [asked["SERVICE"]] if "SERVICE" in asked else []
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert set(services) <= compose["services"].keys()
    program, *arguments = shlex.split(make("-n", verb, *given, "RUNTIME=native").stdout.splitlines()[-1])
    assert program == ".venv/bin/fraud-native"
    assert arguments == ["--stack", asked.get("STACK", "main"), verb, *services]
    known = typer.main.get_command(launcher)
    context = known.make_context("fraud-native", arguments, resilient_parsing=True)
    called = known.get_command(context, verb)  # type: ignore[attr-defined]
    understood = called.make_context(verb, [*services]).params
    assert [name for value in understood.values() if isinstance(value, list) for name in value] == services


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_under_docker_a_service_has_the_same_verbs(verb: str) -> None:
    *_, recipe = make("-n", verb, "SERVICE=bronze-writer", "RUNTIME=docker").stdout.splitlines()
    assert recipe == f"docker compose {verb} bronze-writer"


def test_the_runbooks_speak_of_every_verb() -> None:
    words = {command.split()[1] for command in OF_THE_RUNBOOKS}
    assert words == {"start", "stop", "restart", "logs", "clean"}


def test_every_target_is_in_the_readme() -> None:
    assert {target for target in TARGETS if not re.search(rf"`make (-s )?{target}\b", README)} == set()


def test_ci_runs_the_readmes_command_where_the_readme_says_that_it_works() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["ci"]
    distribution = re.search(r"^(Debian) (\d+) ", README, flags=re.MULTILINE)
    assert distribution
    assert re.fullmatch(rf"{distribution[1].lower()}:{distribution[2]}\.\d+", job["container"])
    assert job["steps"][-1] == {"run": "make ci"}


def test_readme_compose_and_env_example_agree_on_ports() -> None:
    example = dict(
        re.findall(r"^([A-Z_]+_PORT)=(\d+)$", (ROOT / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    published = set(re.findall(r"127\.0\.0\.1:\$\{([A-Z_]+_PORT)[^}]*\}:", compose))
    assert published, "no port is published"
    assert published <= set(example)
    table = set(re.findall(r"\| (\d{4,5}) \|", README))
    assert {example[name] for name in published} == table


def test_every_variable_of_env_example_has_a_comment_above_its_group() -> None:
    described = False
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            described = True
        elif not line:
            described = False
        else:
            assert described, f"{line.partition('=')[0]} stands in a group without a comment"
