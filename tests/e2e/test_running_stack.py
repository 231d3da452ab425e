"""What must hold on the running platform, beyond one room."""

import os
import re
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
Predict = Callable[[dict[str, Any]], dict[str, Any]]


def payment(**changes: Any) -> dict[str, Any]:
    body = {"user_id": "U0042", "amount": 50, "merchant_id": "M001", "is_international": False, "country": "DE"}
    return {"transaction_id": f"e2e-{uuid.uuid4()}", **body, **changes}


def first_curl() -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```(?:bash|sh|console)\n((?:(?!```).)*curl(?:(?!```).)*)```", readme, flags=re.DOTALL)
    assert block, "the README shows no curl"
    return block.group(1)


def paste(stack: Any, command: str) -> dict[str, Any]:
    """Runs the README's command as it stands, but for the port and the name of the test stack."""
    port = stack.env["API_URL"].rpartition(":")[2]
    assert "127.0.0.1:8000" in command
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.replace("127.0.0.1:8000", f"127.0.0.1:{port}")],
        cwd=ROOT,
        env={**os.environ, "STACK": "test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    import json

    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_readmes_first_curl_works_and_says_its_mode_when_redis_is_stopped(demo: Any) -> None:
    command = first_curl()
    answer = paste(demo.stack, command)
    # the small demo's history ends weeks before the moment of this payment, and so do its profiles
    assert answer["mode"] == "no_profiles"
    assert 0 <= answer["fraud_probability"] <= 1
    assert answer["risk_tier"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    assert answer["model_version"]

    demo.stack.stop("redis")
    try:
        degraded = paste(demo.stack, command.replace('"t1"', '"t2"'))
        assert degraded["mode"] == "no_features"
        assert degraded["reasons"] is not None
    finally:
        demo.stack.start("redis")


def test_the_readmes_look_at_an_older_bronze_works(demo: Any) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    versions, as_it_was = re.findall(
        r"^make sql Q='[^']*(?:\$history|version as of)[^']*'$", readme, flags=re.MULTILINE
    )

    def ask(command: str) -> str:
        environment = {**os.environ, "STACK": "test", "RUNTIME": "native"}
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(text: str) -> int:
        _, count, _ = text.splitlines()
        return int(count)

    known = ask(versions)
    assert all(column in known for column in ("version", "timestamp", "operation"))
    now = ask("make sql Q='select count(*) from delta.bronze.transactions'")
    assert 0 <= rows(ask(as_it_was)) < rows(now)


@pytest.mark.parametrize(
    "change", [{"amount": 4321.5}, {"merchant_id": "M017"}, {"country": "BR"}, {"is_international": True}]
)
def test_every_given_field_reaches_the_vector(demo: Any, predict: Predict, change: dict[str, Any]) -> None:
    # after the live payments and before the next profile is due
    when = "2026-10-01T23:30:00Z"
    first, second = payment(event_time=when), payment(event_time=when, **change)
    predict(first)
    predict(second)
    rows = dict(
        demo.postgres(
            "SELECT transaction_id, vector FROM decisions WHERE transaction_id = ANY(%s)",
            ([first["transaction_id"], second["transaction_id"]],),
        )
    )
    assert rows[first["transaction_id"]] != rows[second["transaction_id"]]


def test_the_demo_feeds_no_file_into_another_history(demo: Any) -> None:
    examples = ROOT / "phase1-ingestion/producer/examples"
    file, mapping = examples / "nordbank-payments.csv.gz", examples / "nordbank.mapping.yml"
    command = [str(ROOT / ".venv/bin/fraud-native"), "--stack", "test", "demo", "--data", str(file)]
    done = subprocess.run(
        [*command, "--mapping", str(mapping)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    demo.stack.hold_pipeline()
    assert done.returncode == 1
    said = " ".join((done.stdout + done.stderr).split())
    assert f"transactions.raw holds payments of simulator, not of {file}: FRESH=1 starts over" in said
