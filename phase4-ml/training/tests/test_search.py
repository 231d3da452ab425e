from dataclasses import asdict, replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from fraud_training import search
from fraud_training.columns import varying_columns
from fraud_training.dataset import Examples
from fraud_training.forest import ForestSettings
from fraud_training.model_card import model_card
from fraud_training.report import build_report
from fraud_training.search import CANDIDATES, PRESENT, Limits, Trial, best, try_candidates
from fraud_training.thresholds import Costs
from fraud_training.train import TrainedModel, TrainingData, train_model

# far too few features per split: another candidate surely wins
BASE = ForestSettings(trees=15, max_depth=8, max_features=0.05)


def tried(data: TrainingData, limits: Limits | None = None) -> list[Trial]:
    columns = varying_columns(data.train.payments.vectors)
    return try_candidates(data.train, data.validation, columns, BASE, limits or Limits(), lambda _: None)


def scores(trials: list[Trial]) -> list[float]:
    return [trial.average_precision for trial in trials]


def test_a_handful_is_compared_with_the_present_constants_among_them(training_data: TrainingData) -> None:
    trials = tried(training_data)

    assert [trial.name for trial in trials] == [name for name, _ in CANDIDATES]
    assert 3 <= len(trials) <= 8
    assert trials[0].name == PRESENT
    assert trials[0].settings == BASE
    assert any(trial.settings.class_weight for trial in trials)
    # depth and trees are what was asked for
    assert {(trial.settings.trees, trial.settings.max_depth) for trial in trials} == {(15, 8)}
    assert all(0 < trial.average_precision < 1 for trial in trials)
    assert scores(tried(training_data)) == scores(trials)


def test_what_the_test_period_holds_chooses_nothing(training_data: TrainingData) -> None:
    test = training_data.test
    otherwise = replace(training_data, test=Examples(test.payments, ~test.frauds))
    quick = Limits(trees=5, train_rows=1000, validation_rows=1000)
    assert scores(list(model_of(otherwise, quick).trials)) == scores(tried(training_data, quick))
    validation = training_data.validation
    judged_otherwise = replace(training_data, validation=Examples(validation.payments, ~validation.frauds))

    assert scores(tried(otherwise)) == scores(tried(training_data))
    assert scores(tried(judged_otherwise)) != scores(tried(training_data))


def test_the_best_that_surely_beats_the_present_constants_is_chosen_and_of_equals_the_first() -> None:
    def trial(name: str, precision: float, better: float) -> Trial:
        return Trial(name, BASE, precision, better, 0.0)

    present, lucky = trial("present", 0.4, 0.0), trial("lucky", 0.7, 0.89)
    surely = [trial("b", 0.6, 0.9), trial("c", 0.6, 1.0), trial("d", 0.5, 1.0)]
    assert best([present, lucky, *surely]).name == "b"
    assert best([present, lucky]).name == "present"


def test_rows_and_trees_bound_the_work_and_no_clock_does(
    training_data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = Limits(trees=5, train_rows=500, validation_rows=300)
    usual = tried(training_data, quick)
    seen: list[tuple[int, int]] = []
    fit = search.fit_forest

    def counting(vectors: np.ndarray, frauds: np.ndarray, settings: ForestSettings) -> object:
        seen.append((len(vectors), settings.trees))
        return fit(vectors, frauds, settings)

    monkeypatch.setattr(search, "fit_forest", counting)
    # a machine that needs an hour for whatever it does
    monkeypatch.setattr(search, "time", SimpleNamespace(monotonic=count(step=3600).__next__))
    slow = tried(training_data, quick)

    assert seen == [(500, 5)] * len(CANDIDATES)
    assert slow[0].share_better == 0
    assert [replace(trial, seconds=0) for trial in slow] == [replace(trial, seconds=0) for trial in usual]
    assert all(trial.seconds >= 3600 for trial in slow)


def test_a_sample_has_the_share_of_frauds_of_all(training_data: TrainingData) -> None:
    frauds = training_data.train.frauds
    rows = search._sample(training_data.train, frauds.size // 3, seed=1)

    assert rows.size == pytest.approx(frauds.size // 3, abs=1)
    assert frauds[rows].sum() == pytest.approx(frauds.sum() / 3, abs=1)
    assert np.all(np.diff(rows) > 0)
    assert search._sample(training_data.train, 10**6, seed=1).tolist() == list(range(frauds.size))


def model_of(data: TrainingData, limits: Limits | None) -> TrainedModel:
    names = tuple(f"f{column}" for column in range(data.train.payments.vectors.shape[1]))
    return train_model(
        data,
        feature_names=names,
        missing_values=[-1.0] * len(names),
        schema_hash="a" * 64,
        settings=BASE,
        search=limits,
    )


def test_the_model_is_fitted_with_what_was_chosen_and_says_among_what(training_data: TrainingData) -> None:
    model, without = model_of(training_data, Limits()), model_of(training_data, None)
    chosen = best(list(model.trials))

    assert chosen.name != PRESENT, "this world is made so that another candidate wins"
    assert model.settings == chosen.settings
    assert model.form.manifest["forest_settings"] == asdict(chosen.settings)
    assert without.form.manifest["forest_settings"] == asdict(BASE)
    assert without.form.sha256 != model.form.sha256
    told = build_report(training_data, model, 7, Costs())["settings"]
    assert [candidate["name"] for candidate in told["candidates"]] == [name for name, _ in CANDIDATES]
    assert told["chosen"] == model.form.manifest["forest_settings"]
    assert f"| {chosen.name} | {chosen.average_precision:.4f} | {chosen.share_better:.0%} | chosen |" in model_card(
        model
    )
