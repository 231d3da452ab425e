"""The backtest of a history, by the platform's own command."""

import json
import subprocess
from typing import Any, Final

from fraud_benchmarks.comparing import Say
from fraud_benchmarks.errors import BenchmarkError
from fraud_benchmarks.transforms.history import History
from fraud_contracts import CATALOG, GOLD, SILVER
from fraud_native.paths import COMMANDS

_TAIL: Final = 3000


def tables_of(history: History) -> list[str]:
    """The options by which a command of ``fraud-training`` reads what the history made."""
    prefix = f"{CATALOG}.{history.lake.prefix}"
    return [
        *("--features-table", f"{prefix}{GOLD}.mart_fraud_features"),
        *("--labels-table", f"{prefix}{SILVER}.int_labels_as_of"),
        *("--trino-user", "dbt"),
    ]


def backtest(history: History, say: Say) -> dict[str, Any]:
    """Run it on what the history made, with the command's own lengths of 7 days each.

    Returns:
        the command's answer: ``folds`` and, by model and figure, the ``summary`` with mean and deviation.

    Raises:
        BenchmarkError: it fails; the message ends with what it said.
    """
    command = [str(COMMANDS / "fraud-training"), "backtest", *tables_of(history)]
    command += ["--report-dir", str(history.writer.folder)]
    said = ""
    with subprocess.Popen(
        command, env=dict(history.pipeline.env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        for line in running.stderr or ():
            said = (said + line)[-_TAIL:]
            say(f"    {line.rstrip()}")
        answer = (running.stdout.read() if running.stdout else "").strip()
    if running.returncode:
        raise BenchmarkError(f"{' '.join(command)} failed: {said}")
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found
