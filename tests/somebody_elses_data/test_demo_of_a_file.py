"""``make demo DATA= MAPPING=`` with a file that the simulator did not send; last of all, since it starts over."""

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fraud_native.trino_client import connect

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "phase1-ingestion/producer/examples"
FILE, MAPPING = EXAMPLES / "nordbank-payments.csv.gz", EXAMPLES / "nordbank.mapping.yml"


def test_a_banks_file_goes_from_kafka_to_the_gates_and_its_last_payments_are_scored(stack: Any) -> None:
    stack.clean()
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        rows = sum(1 for _ in file) - 1
    live = 20 * 20
    done = subprocess.run(
        [
            *(str(ROOT / ".venv/bin/fraud-native"), "--stack", "test", "demo"),
            *("--live-seconds", "20", "--live-rate", "20"),
            *("--data", str(FILE), "--mapping", str(MAPPING)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    stack.hold_pipeline()
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    report: dict[str, Any] = json.loads((ROOT / "var/test/reports/demo.json").read_text(encoding="utf-8"))

    assert all(row["holds"] for row in report["conservation"].values())
    with connect(stack.env) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*), count_if(transaction_id LIKE 'NB%') FROM delta.bronze.transactions")
        ((landed, of_the_file),) = cursor.fetchall()
    predict = report["predict"]
    assert predict["errors"] == 0
    assert predict["requests"] == report["decisions_logged"] > 0.5 * live
    # the newest rows are the live payments, of which some may not have been due yet at the end
    assert landed == of_the_file == rows - live + predict["requests"]
    assert report["gold"]["mart_fraud_features"] == rows - live
    assert set(report["dag_run"]["tasks"].values()) == {"success"}
    # whether a forest is surely better than the baselines lies in eleven weeks of a small bank; the report says it
    model = report["model"]
    assert model["alias"] == "champion" or "not surely above the logistic baseline's" in model["reason"], model
