"""What the comparison of decisions with Gold asks for each feature; the SQL itself runs in phase 3's tests."""

import re

import pytest

from fraud_features import FEATURE_NAMES, FEATURES, Feature
from fraud_features.sql_parity import clues, differing_sql, evidence_of, features_relation, flags_of


def test_every_feature_is_compared_at_its_place_in_the_vector() -> None:
    sql = differing_sql("d", "g")
    assert tuple(re.findall(r"cast\(g\.(\w+) as double\)", sql)) == FEATURE_NAMES
    assert tuple(re.findall(r"row\('(\w+)', ", sql)) == FEATURE_NAMES


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_only_sums_and_means_may_differ_by_rounding(feature: Feature) -> None:
    (tolerance,) = re.findall(rf"row\('{feature.name}', (\S+?)\)", differing_sql("d", "g"))
    assert float(tolerance) == (1e-6 if feature.dtype == "float" else 0)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_late_facts_are_looked_for_as_far_back_as_a_feature_looks(feature: Feature) -> None:
    found = {(clue.evidence, clue.entity): clue.span_us for clue in clues()}
    evidence = evidence_of(feature)
    # what depends on nothing but the payment cannot be late
    assert bool(evidence) == (feature.kind != "request")
    assert {(one, feature.entity) for one in evidence} <= found.keys()
    if evidence and feature.window is not None:
        assert found[evidence[0], feature.entity] >= feature.window.us


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_recent_facts_that_may_be_incomplete_are_told_by_flags(feature: Feature) -> None:
    recent = {"window", "login"} & set(evidence_of(feature))
    assert bool(flags_of(feature)) == bool(recent)
    # a late login explains what is made of logins, and nothing else
    assert ("login" in recent) == (feature.source == "logins")


def test_the_relation_has_one_row_per_feature() -> None:
    assert re.findall(r"^    \('(\w+)', ", features_relation("7"), re.MULTILINE) == list(FEATURE_NAMES)
