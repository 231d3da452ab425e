import numpy as np
import pytest

from fraud_training.calibration import fit_sigmoid


def test_calibration_rises_strictly_and_meets_the_fraud_share() -> None:
    generator = np.random.default_rng(0)
    raw = generator.beta(1, 6, 20_000)
    frauds = generator.random(raw.size) < raw**2

    calibration = fit_sigmoid(raw, frauds)
    calibrated = calibration(np.linspace(0, 1, 5001))

    assert np.all(np.diff(calibrated) > 0)
    assert 0 < calibrated[0] < calibrated[-1] < 1
    assert calibration(raw).mean() == pytest.approx(frauds.mean(), rel=0.02)


def test_scores_that_say_nothing_become_the_fraud_share() -> None:
    generator = np.random.default_rng(1)
    raw = generator.random(5000)
    frauds = raw < 0.02  # the wrong way round

    calibration = fit_sigmoid(raw, frauds)

    assert np.all(np.diff(calibration.calibrated) > 0)
    assert calibration(raw) == pytest.approx(np.full(raw.size, 0.02), rel=0.2)
