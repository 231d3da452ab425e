"""Choosing the forest's settings and the weight of its classes on the validation period."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_training.dataset import Examples
from fraud_training.forest import ForestSettings, fit_forest
from fraud_training.metrics import average_precision, resampled_average_precision

Say = Callable[[str], None]

PRESENT = "present constants"
SURELY = 0.9
"""Share of resamples in which a candidate must beat the present constants to replace them."""
_RESAMPLES = 100
# what each candidate changes; depth and number of trees stay as they were asked for
CANDIDATES: tuple[tuple[str, dict[str, Any]], ...] = (
    (PRESENT, {}),
    ("balanced class weights", {"class_weight": "balanced_subsample"}),
    ("fewer honest payments", {"negatives_per_fraud": 20}),
    ("larger leaves", {"min_samples_leaf": 8}),
    ("more features per split", {"max_features": 0.35}),
    ("fewer features per split", {"max_features": 0.1}),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much work a search may be for each of the candidates.

    No clock is among them: a slow machine must choose what a fast one chooses of the same data.
    """

    trees: int = 30
    train_rows: int = 50_000
    validation_rows: int = 50_000


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate and what it was worth in validation."""

    name: str
    settings: ForestSettings
    average_precision: float
    share_better: float
    """Share of resamples of the validation period's cards in which it beats the present constants."""
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "settings": asdict(self.settings),
            "average_precision": self.average_precision,
            "share_of_resamples_better_than_present_constants": self.share_better,
            "seconds": round(self.seconds, 1),
        }


def _sample(examples: Examples, rows: int, seed: int) -> NDArray[np.intp]:
    """Positions of at most so many payments, in time order, with as large a share of frauds as among all.

    With more frauds than in life, leaving honest payments out would look better than it is.
    """
    frauds, generator = examples.frauds, np.random.default_rng(seed)
    share = min(1.0, rows / frauds.size)
    drawn = [
        generator.choice(kind, size=round(share * kind.size), replace=False)
        for kind in (np.nonzero(frauds)[0], np.nonzero(~frauds)[0])
    ]
    return np.sort(np.concatenate(drawn))


def try_candidates(
    train: Examples, validation: Examples, columns: NDArray[np.intp], base: ForestSettings, limits: Limits, say: Say
) -> list[Trial]:
    """Average precision on the validation period of small forests on a sample of the training period.

    Every candidate is tried, each on the same rows.

    Args:
        columns: the features to learn from.
        base: the present constants; each candidate is a change of them.
    """
    rows, held_out = (
        _sample(train, limits.train_rows, base.seed),
        _sample(validation, limits.validation_rows, base.seed),
    )
    vectors, frauds = train.payments.vectors[rows][:, columns], train.frauds[rows]
    held_out_vectors, held_out_frauds = validation.payments.vectors[held_out][:, columns], validation.frauds[held_out]
    cards = validation.payments.cards[held_out]
    present = np.empty(0)
    trials: list[Trial] = []
    for number, (name, change) in enumerate(CANDIDATES, start=1):
        settings = replace(base, **change)
        start = time.monotonic()
        forest = fit_forest(vectors, frauds, replace(settings, trees=min(limits.trees, settings.trees)))
        scores = forest.predict_proba(held_out_vectors)[:, 1]
        precision = average_precision(scores, held_out_frauds)
        draws = resampled_average_precision(scores, held_out_frauds, cards, resamples=_RESAMPLES)
        present = draws if not trials else present
        better = float(np.mean(draws > present))
        trials.append(Trial(name, settings, precision, better, time.monotonic() - start))
        say(f"candidate {number} of {len(CANDIDATES)}, {name}: average precision {precision:.4f} in validation")
    return trials


def best(trials: list[Trial]) -> Trial:
    """The present constants, or the best of those that surely beat them; of equal ones the first.

    The highest of several noisy figures is often the luckiest, so a higher average precision is not enough.
    """
    able = [trial for trial in trials[1:] if trial.share_better >= SURELY]
    return max(able, key=lambda trial: trial.average_precision) if able else trials[0]
