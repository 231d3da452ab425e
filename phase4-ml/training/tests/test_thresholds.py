import numpy as np

from fraud_training.thresholds import Thresholds, choose_thresholds, threshold_at


def test_threshold_lies_between_the_last_flagged_and_the_next() -> None:
    probabilities = np.array([0.1, 0.2, 0.3, 0.4, 0.8])
    frauds = np.array([False, False, False, False, True])

    assert threshold_at(probabilities, frauds, 0.0) == np.float64(0.4 + 0.8) / 2
    assert threshold_at(probabilities, frauds, 0.25) == np.float64(0.3 + 0.4) / 2
    assert threshold_at(probabilities, frauds, 1.0) == np.float64(0.1) / 2


def test_nothing_is_flagged_when_even_the_top_has_too_many_false_alarms() -> None:
    probabilities = np.array([0.5, 0.5, 0.5])
    frauds = np.array([False, False, True])

    threshold = threshold_at(probabilities, frauds, 0.0)

    assert 0.5 < threshold < 1


def test_thresholds_rise_and_keep_their_false_positive_rates() -> None:
    generator = np.random.default_rng(4)
    frauds = generator.random(50_000) < 0.01
    probabilities = np.clip(generator.normal(0.1, 0.05, frauds.size) + frauds * 0.2, 0, 1)

    thresholds = choose_thresholds(probabilities, frauds)
    tiers = thresholds.tier_numbers(probabilities[~frauds])

    assert thresholds.medium < thresholds.high < thresholds.critical
    assert np.mean(tiers >= 1) <= 0.02 < np.mean(tiers >= 1) + 1e-4
    assert np.mean(tiers >= 2) <= 0.005 < np.mean(tiers >= 2) + 1e-4
    assert np.mean(tiers >= 3) <= 0.001 < np.mean(tiers >= 3) + 1e-4


def test_a_tier_begins_at_its_threshold() -> None:
    thresholds = Thresholds(medium=0.2, high=0.5, critical=0.9)

    assert [thresholds.tier(p) for p in (0.0, 0.2, 0.49, 0.5, 0.9, 1.0)] == [
        "LOW",
        "MEDIUM",
        "MEDIUM",
        "HIGH",
        "CRITICAL",
        "CRITICAL",
    ]
