"""Figures of a fraud model: how well it ranks, and what an analyst's working day would see of it."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
Ints = NDArray[np.integer]


def area_under_roc(scores: Floats, frauds: Bools) -> float:
    """Probability that a random fraud outranks a random legitimate payment (ties count half)."""
    return float(roc_auc_score(frauds, scores))


def average_precision(scores: Floats, frauds: Bools) -> float:
    """Precision averaged over the recall steps of the ranking; equal scores form one step."""
    return float(average_precision_score(frauds, scores))


def _weighted_average_precision(weights: Floats, frauds: Bools, step_ends: Ints) -> float:
    """Average precision of rows already in falling score order; ``step_ends`` are the last rows of equal scores."""
    hits = np.cumsum(weights * frauds)[step_ends]
    taken = np.cumsum(weights)[step_ends]
    if hits[-1] == 0:
        return 0.0
    precision = np.divide(hits, taken, out=np.zeros_like(hits), where=taken > 0)
    return float(np.sum(np.diff(hits, prepend=0.0) * precision) / hits[-1])


def resampled_average_precision(
    scores: Floats, frauds: Bools, cards: Ints, *, resamples: int = 300, seed: int = 7
) -> NDArray[np.float64]:
    """Average precision of bootstrap resamples, shape (resamples,).

    Whole cards are drawn, not single payments: the frauds of one card come in runs, and drawing them one by one
    would make an interval look narrower than it is. The draws depend on the cards and the seed alone, so two models
    on the same payments can be compared draw by draw.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    step_ends = np.append(np.nonzero(np.diff(ranked))[0], ranked.size - 1)
    ranked_frauds = frauds[order]
    _, ranked_cards = np.unique(cards[order], return_inverse=True)
    number_of_cards = int(ranked_cards.max()) + 1
    generator = np.random.default_rng(seed)
    values = np.empty(resamples)
    for index in range(resamples):
        drawn = np.bincount(generator.integers(number_of_cards, size=number_of_cards), minlength=number_of_cards)
        values[index] = _weighted_average_precision(drawn[ranked_cards].astype(np.float64), ranked_frauds, step_ends)
    return values


def interval(values: Floats) -> tuple[float, float]:
    """The middle 95 % of some resamples."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def card_precision_at(
    scores: Floats, frauds: Bools, cards: Ints, days: Ints, k: int = 100, *, left_out: Bools | None = None
) -> float:
    """Share of truly compromised cards among the ``k`` most suspicious of a day, averaged over the days.

    A card's score on a day is the highest of its payments; it is compromised on that day if any of them was fraud.
    A day with fewer than ``k`` cards is judged on those it has. Equal scores go by card number.

    Args:
        left_out: payments that nobody looks at, shape (n,): those of cards known as compromised before their day.

    Returns:
        0 where no payment is left.
    """
    if left_out is not None:
        seen = ~left_out
        scores, frauds, cards, days = scores[seen], frauds[seen], cards[seen], days[seen]
    precisions = []
    for day in np.unique(days):
        today = days == day
        names, position = np.unique(cards[today], return_inverse=True)
        best = np.full(names.size, -np.inf)
        np.maximum.at(best, position, scores[today])
        compromised = np.zeros(names.size, dtype=np.bool_)
        np.logical_or.at(compromised, position, frauds[today])
        chosen = np.argsort(-best, kind="stable")[:k]
        precisions.append(compromised[chosen].mean())
    return float(np.mean(precisions)) if precisions else 0.0


def score_to_exceed(scores: Floats, frauds: Bools, false_positive_rate: float) -> float:
    """The lowest score such that at most this share of legitimate payments lies above it."""
    legitimate = np.sort(scores[~frauds])[::-1]
    allowed = int(np.floor(false_positive_rate * legitimate.size))
    # a threshold lies just above the first legitimate payment that may not be flagged
    return float(legitimate[allowed]) if allowed < legitimate.size else -np.inf


def detection_rate_at(scores: Floats, frauds: Bools, false_positive_rate: float = 0.005) -> float:
    """Largest share of frauds found by a threshold that flags at most this share of legitimate payments."""
    return float((scores[frauds] > score_to_exceed(scores, frauds, false_positive_rate)).mean())
