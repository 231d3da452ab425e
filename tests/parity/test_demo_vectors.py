"""The vector that a decision used equals the one recomputed offline for the same payment and moment."""

import math
import random
from typing import Any

import pytest

from fraud_features import FEATURES

pytestmark = pytest.mark.integration

PAYMENTS = 200
# sums, means and deviations pass through a float32
RELATIVE = 1e-6


@pytest.fixture(scope="module")
def vectors(demo: Any, live_in_gold: None) -> list[tuple[str, list[float], list[float]]]:
    """Up to 200 random live payments: id, logged vector, vector in Gold."""
    logged = dict(
        demo.postgres("SELECT transaction_id, vector FROM decisions WHERE mode = 'full' AND transaction_id LIKE 'T2%'")
    )
    chosen = random.Random(20).sample(sorted(logged), PAYMENTS)
    columns = ", ".join(feature.name for feature in FEATURES)
    ids = ", ".join(f"'{transaction}'" for transaction in chosen)
    rows = demo.trino(
        f"SELECT transaction_id, {columns} FROM delta.gold.mart_fraud_features WHERE transaction_id IN ({ids})"
    )
    gold = {row[0]: [float(value) for value in row[1:]] for row in rows}
    assert set(gold) == set(chosen), f"{len(set(chosen) - set(gold))} live payments are not in Gold"
    return [(transaction, logged[transaction], gold[transaction]) for transaction in chosen]


def test_logged_vectors_equal_those_recomputed_from_gold(vectors: list[tuple[str, list[float], list[float]]]) -> None:
    differences: dict[str, list[str]] = {}
    for transaction, online, offline in vectors:
        for feature, served, recomputed in zip(FEATURES, online, offline, strict=True):
            exact = feature.dtype in ("int", "flag")
            same = (
                served == recomputed if exact else math.isclose(served, recomputed, rel_tol=RELATIVE, abs_tol=RELATIVE)
            )
            if not same:
                differences.setdefault(feature.name, []).append(f"{transaction}: {served} online, {recomputed} offline")
    summary = {name: f"{len(found)} of {len(vectors)}, such as {found[0]}" for name, found in differences.items()}
    assert summary == {}


def test_the_compared_vectors_say_something(vectors: list[tuple[str, list[float], list[float]]]) -> None:
    """A comparison of zeros with zeros would prove nothing: most features vary over these payments."""
    varying = [feature.name for i, feature in enumerate(FEATURES) if len({online[i] for _, online, _ in vectors}) > 1]
    assert len(varying) >= len(FEATURES) * 0.6, sorted({feature.name for feature in FEATURES} - set(varying))


def test_the_live_parity_says_the_same_of_every_decision(demo: Any, vectors: list[Any]) -> None:
    """What Prometheus is told, and an alert above one in a thousand: of all live payments, not of some."""
    rows = demo.trino(
        "SELECT feature, sum(compared_count), sum(mismatch_count) FROM delta.gold.mart_feature_parity GROUP BY feature"
    )
    compared = {name: int(count) for name, count, _ in rows}
    assert compared.keys() == {feature.name for feature in FEATURES}
    assert min(compared.values()) >= len(vectors) == PAYMENTS
    assert {name: int(count) for name, _, count in rows if count > 0.001 * compared[name]} == {}
