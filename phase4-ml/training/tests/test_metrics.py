import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from fraud_training.metrics import (
    area_under_roc,
    average_precision,
    card_precision_at,
    detection_rate_at,
    interval,
    resampled_average_precision,
)


def test_auc_counts_pairs_and_halves_ties() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1])
    frauds = np.array([True, True, False, False])

    # pairs: (0.9 > 0.5) 1, (0.9 > 0.1) 1, (0.5 = 0.5) 1/2, (0.5 > 0.1) 1
    assert area_under_roc(scores, frauds) == pytest.approx(3.5 / 4)


def test_average_precision_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    frauds = np.array([True, False, True, False, False])

    assert average_precision(scores, frauds) == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_card_precision_by_hand() -> None:
    # day 0: cards 1 (0.9, compromised by its other payment), 2 (0.8, clean), 3 (0.1, compromised)
    # day 1: card 1 (0.3, clean), card 3 (0.2, compromised)
    scores = np.array([0.9, 0.2, 0.8, 0.1, 0.3, 0.2])
    frauds = np.array([False, True, False, True, False, True])
    cards = np.array([1, 1, 2, 3, 1, 3])
    days = np.array([0, 0, 0, 0, 1, 1])

    assert card_precision_at(scores, frauds, cards, days, k=1) == pytest.approx((1 + 0) / 2)
    assert card_precision_at(scores, frauds, cards, days, k=2) == pytest.approx((1 / 2 + 1 / 2) / 2)
    # a day with fewer cards than k is judged on those it has
    assert card_precision_at(scores, frauds, cards, days, k=100) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_cards_known_before_are_left_out_of_card_precision() -> None:
    # without card 1, day 0 has cards 2 (0.8, clean) and 3 (0.1, compromised), and day 1 card 3 (0.2, compromised)
    scores = np.array([0.9, 0.2, 0.8, 0.1, 0.3, 0.2])
    frauds = np.array([False, True, False, True, False, True])
    cards = np.array([1, 1, 2, 3, 1, 3])
    days = np.array([0, 0, 0, 0, 1, 1])

    assert card_precision_at(scores, frauds, cards, days, k=1, left_out=cards == 1) == pytest.approx((0 + 1) / 2)
    # a day without any other card does not count
    assert card_precision_at(scores, frauds, cards, days, k=1, left_out=days == 0) == 0.0
    assert card_precision_at(scores, frauds, cards, days, k=2, left_out=days == 0) == pytest.approx(1 / 2)
    assert card_precision_at(scores, frauds, cards, days, left_out=np.ones(6, dtype=np.bool_)) == 0.0


def test_detection_rate_by_hand() -> None:
    legitimate = np.arange(200) / 1000  # 0.000 to 0.199
    scores = np.concatenate((legitimate, [0.5, 0.1985, 0.198, 0.1]))
    frauds = np.arange(scores.size) >= 200

    # 0.5 % of 200 is one payment, the one at 0.199: frauds above 0.198 are found without a second
    assert detection_rate_at(scores, frauds, 0.005) == pytest.approx(2 / 4)
    assert detection_rate_at(scores, frauds, 0.001) == pytest.approx(1 / 4)
    assert detection_rate_at(scores, frauds, 0.0) == pytest.approx(1 / 4)
    assert detection_rate_at(scores, frauds, 1.0) == 1.0


def test_equal_scores_are_not_counted_as_found() -> None:
    scores = np.zeros(100)
    frauds = np.arange(100) < 10

    assert detection_rate_at(scores, frauds, 0.005) == 0.0


def test_interval_encloses_the_average_precision_and_is_repeatable() -> None:
    generator = np.random.default_rng(1)
    frauds = generator.random(3000) < 0.05
    scores = np.round(frauds * 0.4 + generator.random(3000), 2)
    cards = generator.integers(0, 200, 3000)

    values = resampled_average_precision(scores, frauds, cards)
    low, high = interval(values)

    assert 0 < low < average_precision(scores, frauds) < high < 1
    assert np.array_equal(resampled_average_precision(scores, frauds, cards), values)


def test_two_models_are_compared_on_the_same_draws() -> None:
    generator = np.random.default_rng(6)
    frauds = generator.random(3000) < 0.03
    scores = frauds * 0.3 + generator.random(3000)
    cards = generator.integers(0, 300, 3000)
    values = resampled_average_precision(scores, frauds, cards)

    # another scale, the same ranking: not the last digit differs
    assert np.array_equal(resampled_average_precision(scores * 7, frauds, cards), values)
    # a slightly worse ranking: the difference is known far better than either value
    worse = resampled_average_precision(scores - 0.05 * frauds, frauds, cards)
    assert np.std(values - worse) < np.std(values) / 2


def test_one_fraudulent_card_makes_the_interval_wide() -> None:
    generator = np.random.default_rng(2)
    scores = generator.random(2000)
    frauds = np.zeros(2000, dtype=np.bool_)
    frauds[:40] = True
    scores[:40] += 0.5
    spread = np.arange(2000)
    together = spread.copy()
    together[:40] = 0

    narrow = interval(resampled_average_precision(scores, frauds, spread))
    wide = interval(resampled_average_precision(scores, frauds, together))

    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_one_resample_equals_scikit_learns_weighted_average_precision() -> None:
    generator = np.random.default_rng(3)
    frauds = generator.random(500) < 0.1
    scores = np.round(generator.random(500), 1)
    cards = np.arange(500)

    value = resampled_average_precision(scores, frauds, cards, resamples=1, seed=11)[0]

    weights = np.bincount(np.random.default_rng(11).integers(500, size=500), minlength=500)
    assert value == pytest.approx(average_precision_score(frauds, scores, sample_weight=weights))
