import pytest

import fraud_features
from fraud_features import FEATURE_NAMES, FEATURES, feature
from fraud_features.features import LABEL_INPUTS, longest_window, window_features
from fraud_features.inputs import DISTINCT_COLUMNS, HABITS, NEW_COLUMNS, PREDICATES, REQUEST_INPUTS


def test_there_are_at_least_25_features_of_all_three_kinds() -> None:
    assert len(FEATURES) >= 25
    assert {f.kind for f in FEATURES} == {"request", "window", "profile"}


def test_names_are_unique_and_built_from_their_parts() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    assert feature("user_amount_mean_30d").aggregate == "mean"
    for f in FEATURES:
        assert f.name == "_".join(filter(None, (f.entity, f.input, f.aggregate, f.window.label if f.window else "")))


def test_every_feature_is_one_sentence_and_reads_a_known_input() -> None:
    for f in FEATURES:
        assert f.sentence.endswith(".")
        if f.kind == "request":
            assert f.input in REQUEST_INPUTS
        if f.filter is not None:
            assert f.filter in PREDICATES
        if f.aggregate == "distinct":
            assert f.input in DISTINCT_COLUMNS
        if f.aggregate == "new":
            assert f.input in NEW_COLUMNS


def test_every_feature_says_which_fraud_it_is_there_for() -> None:
    assert [f.name for f in FEATURES if len(f.reason.split()) < 5] == []


def test_every_input_is_used() -> None:
    used = {f.input for f in FEATURES} | {f.filter for f in FEATURES}
    known = (REQUEST_INPUTS, PREDICATES, DISTINCT_COLUMNS, NEW_COLUMNS, HABITS, dict.fromkeys(LABEL_INPUTS))
    assert used >= {name for names in known for name in names}


def test_amounts_deviate_and_velocities_count_over_every_span() -> None:
    deviations = ("transactions_count", "amount_mean", "amount_std", "amount_max", "amount_ratio", "amount_zscore")
    velocities = ("transactions_count", "amount_sum", "merchants_distinct", "countries_distinct", "devices_distinct")
    wanted = {f"user_{what}_{days}d" for what in deviations for days in (7, 30, 90)}
    wanted |= {f"user_{what}_{span}" for what in velocities for span in ("1m", "5m", "15m", "1h", "24h")}
    assert wanted - set(FEATURE_NAMES) == set()


def test_an_unknown_feature_is_named_in_the_error() -> None:
    with pytest.raises(KeyError, match="no feature 'nonsense'"):
        feature("nonsense")


def test_windows_are_between_a_minute_and_a_day() -> None:
    for entity in ("user", "card", "device", "merchant"):
        assert all(60_000_000 <= f.window.us <= 86_400_000_000 for f in window_features(entity) if f.window)
        assert longest_window(entity).us >= 3_600_000_000


def test_the_public_list_is_complete() -> None:
    public = {name for name in vars(fraud_features) if not name.startswith("_")}
    modules = {name for name in public if type(getattr(fraud_features, name)).__name__ == "module"}
    assert set(fraud_features.__all__) == public - modules
    assert list(fraud_features.__all__) == sorted(
        fraud_features.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n)
    )
