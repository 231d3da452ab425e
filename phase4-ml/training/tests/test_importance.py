import numpy as np

from fraud_training.dataset import Examples, Payments
from fraud_training.importance import permutation_importance, sample_rows


def world(rows: int = 4000) -> Examples:
    generator = np.random.default_rng(0)
    vectors = generator.random((rows, 3)).astype(np.float32)
    payments = Payments.ordered(
        [f"t{number:05d}" for number in range(rows)], np.arange(rows, dtype=np.int64), ["c"] * rows, vectors
    )
    return Examples(payments, vectors[:, 0] + 0.1 * vectors[:, 1] > 1.0)


def telling(vectors: np.ndarray) -> np.ndarray:
    return (vectors[:, 0] + 0.1 * vectors[:, 1]).astype(np.float64)


def test_what_tells_more_loses_more() -> None:
    examples = world()
    before = examples.payments.vectors.copy()

    losses = permutation_importance(telling, examples, [0, 1, 2])

    assert losses[0] > 2 * losses[1] > 0.02 > losses[2] == 0
    assert np.array_equal(examples.payments.vectors, before)
    assert permutation_importance(telling, examples, [0, 1, 2]) == losses


def test_the_sample_is_bounded_and_keeps_frauds() -> None:
    few = np.arange(10_000) % 1000 == 0
    many = np.arange(10_000) % 2 == 0

    assert few[sample_rows(few, 300)].sum() == 10
    assert sample_rows(few, 300).size == sample_rows(many, 300).size == 300
    assert many[sample_rows(many, 300)].sum() == 100
    assert np.array_equal(sample_rows(many, 300), sample_rows(many, 300))
    assert sample_rows(few, 20_000).tolist() == list(range(10_000))
