import pytest

from fraud_features import FeatureSettings


def test_defaults_stand_in_for_absent_and_empty_variables() -> None:
    assert FeatureSettings.from_env({}) == FeatureSettings(2, 7)
    assert FeatureSettings.from_env({"FRAUD_FEATURES_PROFILE_LAG_HOURS": ""}) == FeatureSettings(2, 7)


def test_variables_are_read() -> None:
    env = {"FRAUD_FEATURES_PROFILE_LAG_HOURS": "3", "FRAUD_FEATURES_LABEL_MATURITY_DAYS": "14"}
    settings = FeatureSettings.from_env(env)
    assert settings.profile_lag_us == 3 * 3_600_000_000
    assert settings.label_maturity_us == 14 * 86_400_000_000


@pytest.mark.parametrize("value", ["-1", "two", "1.5", "24"])
def test_a_wrong_variable_is_named_with_the_remedy(value: str) -> None:
    with pytest.raises(ValueError, match=r"FRAUD_FEATURES_PROFILE_LAG_HOURS .*\.env"):
        FeatureSettings.from_env({"FRAUD_FEATURES_PROFILE_LAG_HOURS": value})
