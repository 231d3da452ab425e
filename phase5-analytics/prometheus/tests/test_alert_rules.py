"""The alert rules: each one's tests pass, and none lacks what somebody who is woken by it needs."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PROMETHEUS = Path(__file__).parents[1]
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TEST_FILES = sorted((PROMETHEUS / "rule_tests").glob("*.yml"))
THIRD_PARTY: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parent / "third_party_metrics.yml").read_text(encoding="utf-8")
)
ALERTS = {
    "ApiErrorRateHigh",
    "ApiLatencyHigh",
    "BronzeStale",
    "ChallengerDisagrees",
    "ConservationBroken",
    "DeadLettersFailing",
    "DiskFillingUp",
    "FeatureParityBroken",
    "FeaturesStale",
    "FraudRatioHigh",
    "GoldStale",
    "LabelsLate",
    "LagNotFalling",
    "MaintenanceFailing",
    "MessagesRepeated",
    "ModelPerformanceFallen",
    "ModelDrifted",
    "PipelineFailed",
    "PipelineLate",
    "PredictAvailabilityBudgetBurnFast",
    "PredictAvailabilityBudgetBurnSlow",
    "PredictLatencyBudgetBurnFast",
    "PredictLatencyBudgetBurnSlow",
    "ProducerDeadLetters",
    "QuarantineGrowing",
    "QuarantineUndecided",
    "TargetDown",
}


def rules_of(file: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


RULES = [rule for file in RULE_FILES for rule in rules_of(file)]
ALERT_RULES = [rule for rule in RULES if "alert" in rule]
# the cases of each test, which all see the same series
BLOCKS: list[list[dict[str, Any]]] = [
    test["alert_rule_test"] for file in TEST_FILES for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
]
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def is_seen_ending(block: list[dict[str, Any]], severity: str) -> bool:
    """Whether an alert of that severity fires in the block and nothing does later than its last time."""
    firing = [
        at(case)
        for case in block
        if any(alert["exp_labels"]["severity"] == severity for alert in case.get("exp_alerts") or [])
    ]
    silent = [at(case) for case in block if not case.get("exp_alerts")]
    return bool(firing and silent) and max(silent) > max(firing)


def at(case: dict[str, Any]) -> int:
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", case["eval_time"]))


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool is not installed: run make setup"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def hasten_rules(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(PROMETHEUS / "hasten_rules.py")


@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: file.stem)
def test_rules_fire_resolve_and_stay_silent(file: Path) -> None:
    done = promtool("test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_sound() -> None:
    done = promtool("check", "rules", *map(str, RULE_FILES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_promised_alert_is_there_and_no_other() -> None:
    assert {rule["alert"] for rule in ALERT_RULES} == ALERTS


@pytest.mark.parametrize("rule", ALERT_RULES, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_says_how_bad_what_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert rule["for"]
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_an_alert_has_a_runbook_that_the_index_names(alert: str) -> None:
    runbook = (ROOT / "docs" / "runbooks" / f"{alert}.md").read_text(encoding="utf-8")
    for heading in ("## What it means", "## How to look", "## What to do", "## Seen firing"):
        assert heading in runbook
    assert f"]({alert}.md)" in (ROOT / "docs" / "runbooks" / "README.md").read_text(encoding="utf-8")


def test_no_runbook_is_left_without_its_alert() -> None:
    # these are about what no alert names: a writer that refuses to start, and a change that somebody makes
    procedures = {"LostCheckpoint", "LostMessages", "SchemaChange"}
    assert {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README"} - procedures == ALERTS


@pytest.mark.parametrize("rule", ALERT_RULES, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_is_seen_firing_and_seen_silent(rule: dict[str, Any]) -> None:
    blocks = [[case for case in block if case["alertname"] == rule["alert"]] for block in BLOCKS]
    assert any(is_seen_ending(block, rule["labels"]["severity"]) for block in blocks)
    # once before it fires or under the threshold, once after
    assert sum(not case.get("exp_alerts") for block in blocks for case in block) >= 2


def test_every_metric_in_the_rules_exists(
    own_metrics: dict[str, Any], metrics_in: Callable[[str], dict[str, set[str]]]
) -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    foreign = {name for names in THIRD_PARTY.values() for name in names}
    used = {name for rule in RULES for name in metrics_in(rule["expr"])}
    assert used - own_metrics.keys() - recorded - foreign == {"up"}
    assert foreign - used == set(), "listed as used by the rules, but used by none"
    assert recorded - used == set(), "recorded, but no alert reads it"


def test_metrics_of_others_are_listed_under_jobs_that_are_scraped() -> None:
    configuration = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
    jobs = set(re.findall(r"job_name: *\"?([\w-]+)", configuration))
    assert set(THIRD_PARTY) - jobs == {"only_after_a_fault"}


def test_the_labels_in_the_rules_exist(
    own_metrics: dict[str, Any], metrics_in: Callable[[str], dict[str, set[str]]]
) -> None:
    unknown = {
        f"{name}{{{label}}}"
        for rule in RULES
        for name, labels in metrics_in(rule["expr"]).items()
        for label in labels - {"job", "instance", "le"}
        if own_metrics.get(name) is not None and label not in own_metrics[name]
    }
    assert unknown == set()


def test_the_rules_group_by_labels_that_exist(strange_groupings: Callable[[str], set[str]]) -> None:
    assert {strange for rule in RULES for strange in strange_groupings(rule["expr"])} == set()


def test_bronze_is_held_to_one_bound_by_the_pipeline_and_by_the_alert() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    bound = re.search(r"^FRAUD_STREAM_FRESHNESS_BOUND_SECONDS=(\d+)$", example, flags=re.MULTILINE)
    stale = next(rule for rule in ALERT_RULES if rule["alert"] == "BronzeStale")
    seconds = re.search(r"> (\d+)$", stale["expr"])
    assert bound
    assert seconds
    assert seconds[1] == bound[1]


def test_repeats_are_held_to_one_bound_by_make_dq_and_by_the_alert() -> None:
    command = (ROOT / "phase2-streaming/spark_jobs/src/fraud_stream/cli.py").read_text(encoding="utf-8")
    share = re.search(r"max_duplicate_share: Annotated\[.*?\] = ([\d.]+),", command, flags=re.DOTALL)
    repeated = next(rule for rule in ALERT_RULES if rule["alert"] == "MessagesRepeated")
    assert share
    assert repeated["expr"].endswith(f"> {share[1]}")


class TestHastenedRules:
    """The live tests run the real rules, but for their durations."""

    DURATION = re.compile(
        r"(?<=\[)\d+[smhd](?=\])|(?<=\boffset )\d+[smhd]\b|(?<=for: )\d+[smhd]$|\b\d+ \* 60\b", re.MULTILINE
    )

    @pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.stem)
    def test_nothing_but_durations_changes(self, hasten_rules: ModuleType, file: Path) -> None:
        rules = file.read_text(encoding="utf-8")
        kept = [re.escape(part) for part in self.DURATION.split(rules)]
        assert len(kept) > 1
        assert re.fullmatch(r"[\d.]+(?:ms)?".join(kept), hasten_rules.hasten(rules, 20))

    def test_durations_are_divided(self, hasten_rules: ModuleType) -> None:
        quick = hasten_rules.hasten(
            "rate(a[1h]) offset 30s > 2 * 60\n        for: 2m\n        keep_firing_for: 6m\n", 60
        )
        assert quick == "rate(a[60000ms]) offset 500ms > 2\n        for: 2000ms\n        keep_firing_for: 6000ms\n"

    def test_a_window_still_holds_two_scrapes(self, hasten_rules: ModuleType) -> None:
        assert hasten_rules.hasten("rate(a[5m])", 1000) == "rate(a[10000ms])"

    def test_the_real_rules_are_never_written_over(self, hasten_rules: ModuleType) -> None:
        before = [file.read_bytes() for file in RULE_FILES]
        with pytest.raises(ValueError, match="in earnest"):
            hasten_rules.write_hastened(20, PROMETHEUS / "tests" / ".." / "rules")
        assert [file.read_bytes() for file in RULE_FILES] == before

    def test_what_is_written_is_sound(self, hasten_rules: ModuleType, tmp_path: Path) -> None:
        hasten_rules.write_hastened(20, tmp_path / "rules")
        written = sorted((tmp_path / "rules").iterdir())
        assert [file.name for file in written] == [file.name for file in RULE_FILES]
        done = promtool("check", "rules", *map(str, written))
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_metrics_in_the_runbooks_exist(own_metrics: dict[str, Any]) -> None:
    known = own_metrics.keys() | {rule["record"] for rule in RULES if "record" in rule}
    known |= {name for names in THIRD_PARTY.values() for name in names}
    for runbook in sorted((ROOT / "docs" / "runbooks").glob("*.md")):
        code = " ".join(re.findall(r"`([^`]+)`", runbook.read_text(encoding="utf-8")))
        named = re.findall(r"(?<!/)\b(?:fraud_\w+|kafka_\w+|(?:predict|group|topic):[\w:]+)\b(?!/)", code)
        assert {name for name in named if name not in {"fraud_pipeline"}} <= known, runbook.name


def test_drift_is_held_to_one_bound_by_the_retraining_rule_and_by_the_alert() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    drifted = next(rule for rule in ALERT_RULES if rule["alert"] == "ModelDrifted")
    bounds = {
        "fraud_model_score_psi": "FRAUD_TRAINING_DRIFT_BOUND",
        "fraud_model_drifted_features": "FRAUD_TRAINING_DRIFTED_FEATURES",
    }
    for metric, setting in bounds.items():
        given = re.search(rf"^{setting}=([\d.]+)$", example, flags=re.MULTILINE)
        assert given
        assert f"max({metric}) >= {given[1]}," in drifted["expr"]
