"""What rules and dashboards are held against: the metrics that our code defines, and those that an expression reads."""

import ast
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fraud_native import definition

ROOT = Path(__file__).parents[1]
# what a name in the code becomes on the page, by the class that defines it
SUFFIXES = {
    "Counter": ("_total",),
    "Gauge": ("",),
    "Histogram": ("_bucket", "_sum", "_count"),
    "Summary": ("_sum", "_count"),
    "CounterMetricFamily": ("_total",),
    "GaugeMetricFamily": ("",),
}
WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"}
# labels that Prometheus puts on everything, and the one of every histogram
EVERYWHERE = {"job", "instance", "le"}
# Superset asks the lakehouse and is asked by nobody; Grafana is not installed by the set-up
NOT_WATCHED = {"superset-init", "superset", "grafana"}


# how much sooner alerts come and go in the live tests than in earnest
HASTE = 10


@pytest.fixture(scope="session")
def hastened_rules(stack: Any) -> Path:
    """The very rules that are used, their durations divided, where the test stack's Prometheus looks for rules."""
    folder = Path(stack.env["PROMETHEUS_RULES_DIR"])
    script = ROOT / "phase5-analytics" / "prometheus" / "hasten_rules.py"
    subprocess.run([sys.executable, str(script), str(HASTE), str(folder)], check=True)
    for line in stack.launcher("status", "--plain").splitlines():
        name, state, _, pid, *_ = line.split()
        if (name, state) == ("prometheus", "RUNNING"):
            os.kill(int(pid), signal.SIGHUP)
    return folder


@pytest.fixture(scope="module")
def watched(stack: Any, demo: Any, hastened_rules: Path) -> Iterator[Any]:
    """The test stack with all that Prometheus asks and Prometheus itself; payments flow while a test looks.

    After the small demo, which begins with an empty stack: run later, it would take all of this away.
    """
    assert demo.stack is stack
    assert any(hastened_rules.iterdir()), "Prometheus would watch without a rule"
    stack.need(*[name for name in definition.of_phases([5]) if name not in NOT_WATCHED])
    yield stack
    # the one sends a hundred payments a second, the other asks Trino every two
    stack.stop("producer")
    stack.stop("lag-exporter")


@pytest.fixture(scope="session")
def own_metrics() -> dict[str, set[str] | None]:
    """Labels by exposed name of every metric that our packages define; ``None`` where the code computes them."""
    found: dict[str, set[str] | None] = {}
    for path in sorted(ROOT.glob("*/*/src/**/*.py")):
        for name, kind, labels in _definitions(path):
            for suffix in SUFFIXES[kind]:
                found[name.removesuffix("_total") + suffix] = labels
    return found


def _definitions(path: Path) -> Iterator[tuple[str, str, set[str] | None]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    variables = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        kind = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        if kind in SUFFIXES and isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]*", name):
            given = [*call.args[2:3], *(word.value for word in call.keywords if word.arg in ("labels", "labelnames"))]
            labels = [variables.get(one.id, one) if isinstance(one, ast.Name) else one for one in given]
            yield name, kind, _literal(labels[0]) if labels else set()


def _literal(node: ast.expr) -> set[str] | None:
    try:
        return set(ast.literal_eval(node))
    except ValueError:
        return None


@pytest.fixture(scope="session")
def metrics_in() -> Callable[[str], dict[str, set[str]]]:
    """``metrics_in(expression)``: every metric of a PromQL expression with the labels that its matchers name."""

    def read(expression: str) -> dict[str, set[str]]:
        plain = re.sub(r"#.*", "", expression)
        plain = re.sub(r'"[^"]*"', '""', plain)
        plain = re.sub(r"\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)", " ", plain)
        plain = re.sub(r"\[[^]]*\]|\boffset \w+", " ", plain)
        matchers = re.findall(r"([\w:]+) *\{([^}]*)\}", plain)
        names = re.findall(r"\b([a-zA-Z_:][\w:]*)\b(?! *\()", re.sub(r"\{[^}]*\}", " ", plain))
        found: dict[str, set[str]] = {name: set() for name in names if name not in WORDS}
        for name, inside in matchers:
            found[name].update(re.findall(r"(\w+) *[=!]", inside))
        return found

    return read


@pytest.fixture(scope="session")
def strange_groupings(
    own_metrics: dict[str, set[str] | None], metrics_in: Callable[[str], dict[str, set[str]]]
) -> Callable[[str], set[str]]:
    """``strange_groupings(expression)``: where it groups one of our metrics by a label that the metric has not."""

    def read(expression: str) -> set[str]:
        plain = re.sub(r'"[^"]*"', '""', re.sub(r"#.*", "", expression))
        found = set()
        for group in re.finditer(r"\bby *\(([^)]*)\)\s*(\(?)", plain):
            # behind what it groups it would have to be looked for on the other side
            assert group[2], f"by ({group[1]}) belongs before what it groups: {expression}"
            for name in metrics_in(_enclosed(plain, group.end())):
                labels = own_metrics.get(name)
                if labels is not None:
                    strange = set(re.findall(r"\w+", group[1])) - labels - EVERYWHERE
                    found |= {f"{name} by {label}" for label in strange}
        return found

    return read


def _enclosed(text: str, start: int) -> str:
    """What stands from ``start``, just behind a parenthesis, to the one that closes it."""
    depth = 1
    for place, sign in enumerate(text[start:], start):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return text[start:place]
    raise ValueError(f"a parenthesis is not closed: {text}")
