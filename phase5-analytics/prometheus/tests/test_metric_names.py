"""Our own pages follow Prometheus' conventions: prefix, unit, counters, help, and labels whose values are bounded."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

OURS = ("api", "producer", "bronze-writer", "feature-writer", "kafka-exporter")
# what the client library tells of every Python process
LIBRARY = ("python_", "process_")
# names of the community's exporter, so that known dashboards work with ours
COMMUNITY = ("kafka_topic_partition_", "kafka_consumergroup_")
# a name that says one of these is in another unit than the base one
OTHER_UNITS = re.compile(
    r"_(ms|milliseconds?|microseconds?|nanoseconds?|minutes?|hours?|days?|kilobytes?|kb|mb|percent)(_|$)"
)
TIMES = re.compile(r"_(latency|duration|age|freshness|oldest|uptime)(_|$)")
# a name that says one of these is a moment, and so is what counts more than thirty years of seconds
MOMENTS = re.compile(r"_(newest|last)_")
THIRTY_YEARS = 30 * 365 * 24 * 3600
# a day of payments has no bound: these are what a label may tell apart
LABELS = {
    *("topic", "partition", "consumergroup", "outcome", "reason", "check", "entity", "risk_tier", "verdict", "mode"),
    *("feature", "flag", "rule", "route", "method", "code", "layer", "table", "source", "dependency", "type"),
    *("le", "quantile", "threshold", "kind"),
    # of the client library
    *("implementation", "major", "minor", "patchlevel", "version", "generation"),
}
VALUES_PER_LABEL = 40
# a vector has as many values as features.py names
VALUES_OF = {"feature": 200}
SERIES_PER_PAGE = 1500


def problems(page: str, job: str) -> list[str]:
    """One sentence for each breach of the conventions."""
    # not by the client library's parser: it puts names right that are wrong
    types = dict(re.findall(r"^# TYPE (\S+) (\w+)$", page, flags=re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", page, flags=re.MULTILINE))
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in {sample.name for sample in samples} - types.keys()}
    prefixes = ("fraud_", *(COMMUNITY if job == "kafka-exporter" else ()))
    found = [f"{name} has no type" for name in sorted(bases - types.keys())]
    for name, kind in types.items():
        if not name.startswith(LIBRARY):
            found += name_problems(name, kind, prefixes)
            found += [f"{name} has no help text"] * (name not in helps)
    found += [
        f"{name} holds a Unix moment and must end in _timestamp_seconds"
        for name in sorted({sample.name for sample in samples if sample.value > THIRTY_YEARS})
        if name.endswith("_seconds") and not name.endswith("_timestamp_seconds") and not name.startswith(LIBRARY)
    ]
    return [*found, *label_problems(samples)]


def name_problems(name: str, kind: str, prefixes: tuple[str, ...]) -> Iterator[str]:
    if not name.startswith(prefixes):
        yield f"{name} is not one of ours: it must begin with fraud_"
    if kind == "counter" and not name.endswith("_total"):
        yield f"{name} is a counter and must end in _total"
    if kind != "counter" and name.endswith("_total"):
        yield f"{name} is a {kind} and must not end in _total"
    if OTHER_UNITS.search(name):
        yield f"{name} must be in a base unit"
    if TIMES.search(name) and not name.endswith("_seconds"):
        yield f"{name} is a time and must end in _seconds"
    if MOMENTS.search(name) and not name.endswith("_timestamp_seconds"):
        yield f"{name} is a moment and must end in _timestamp_seconds"


def label_problems(samples: Sequence[Sample]) -> Iterator[str]:
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for sample in samples:
        for label, value in sample.labels.items():
            values[sample.name, label].add(value)
    for (name, label), seen in values.items():
        if label not in LABELS:
            yield f"{name}: the label {label} is not among those whose values are known to be bounded"
        if len(seen) > VALUES_OF.get(label, VALUES_PER_LABEL):
            yield f"{name}: {len(seen)} values of the label {label}"
    if len(samples) > SERIES_PER_PAGE:
        yield f"{len(samples)} series on one page"


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("# HELP bad_rows Rows\n# TYPE bad_rows gauge\nbad_rows 1\n", "begin with fraud_"),
        (
            "# HELP kafka_consumergroup_lag Lag\n# TYPE kafka_consumergroup_lag gauge\nkafka_consumergroup_lag 1\n",
            "begin",
        ),
        ("# TYPE fraud_rows gauge\nfraud_rows 1\n", "no help text"),
        ("# HELP fraud_rows Rows\nfraud_rows 1\n", "no type"),
        ("# HELP fraud_rows Rows\n# TYPE fraud_rows counter\nfraud_rows 1\n", "end in _total"),
        ("# HELP fraud_rows_total Rows\n# TYPE fraud_rows_total gauge\nfraud_rows_total 1\n", "must not end in _total"),
        ("# HELP fraud_wait_ms W\n# TYPE fraud_wait_ms gauge\nfraud_wait_ms 1\n", "base unit"),
        ("# HELP fraud_api_latency L\n# TYPE fraud_api_latency gauge\nfraud_api_latency 1\n", "end in _seconds"),
        ("# HELP fraud_newest_seconds N\n# TYPE fraud_newest_seconds gauge\nfraud_newest_seconds 1\n", "is a moment"),
        ("# HELP fraud_seen_seconds S\n# TYPE fraud_seen_seconds gauge\nfraud_seen_seconds 1.79e9\n", "Unix moment"),
        ('# HELP fraud_a A\n# TYPE fraud_a gauge\nfraud_a{user_id="U1"} 1\n', "label user_id"),
        (
            "# HELP fraud_a A\n# TYPE fraud_a gauge\n" + "".join(f'fraud_a{{rule="{n}"}} 1\n' for n in range(41)),
            "41 values of the label rule",
        ),
        (
            "".join(f"# HELP fraud_a{n} A\n# TYPE fraud_a{n} gauge\nfraud_a{n} 1\n" for n in range(1501)),
            "1501 series on one page",
        ),
    ],
)
def test_a_breach_is_named(page: str, problem: str) -> None:
    assert any(problem in one for one in problems(page, "api")), problems(page, "api")


def test_a_page_that_keeps_to_the_conventions_passes() -> None:
    page = '# HELP fraud_rows_total Rows\n# TYPE fraud_rows_total counter\nfraud_rows_total{topic="a"} 1\n'
    assert problems(page, "api") == []


def test_a_moment_in_the_code_is_named_as_one(own_metrics: dict[str, Any]) -> None:
    moments = {name for name in own_metrics if MOMENTS.search(name)}
    assert moments, "the pattern finds none of them"
    assert {name for name in moments if not name.endswith("_timestamp_seconds")} == set()


@pytest.fixture(scope="module")
def pages(watched: Any) -> dict[str, str]:
    """The metrics pages of our own services, by job."""
    answer = httpx.get(f"{watched.env['PROMETHEUS_URL']}/api/v1/targets").raise_for_status().json()
    urls = {target["labels"]["job"]: target["scrapeUrl"] for target in answer["data"]["activeTargets"]}
    return {job: httpx.get(urls[job], timeout=20).raise_for_status().text for job in OURS}


@pytest.mark.integration
@pytest.mark.parametrize("job", OURS)
def test_our_page_keeps_to_the_conventions(pages: dict[str, str], job: str) -> None:
    assert "fraud_" in pages[job]
    assert problems(pages[job], job) == []


@pytest.mark.integration
@pytest.mark.parametrize("job", OURS)
def test_promtool_finds_nothing_to_complain_about(pages: dict[str, str], job: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=pages[job], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
