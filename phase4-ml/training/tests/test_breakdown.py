import numpy as np
import pytest

from fraud_training.breakdown import by_fraud_type, by_label_maturity
from fraud_training.dataset import Examples, Payments
from fraud_training.labels import Label, LabelHistory
from fraud_training.split import DAY_US


def examples(frauds: list[bool]) -> Examples:
    count = len(frauds)
    payments = Payments.ordered(
        [f"t{number:04d}" for number in range(count)],
        np.arange(count, dtype=np.int64),
        ["c"] * count,
        np.zeros((count, 1), dtype=np.float32),
    )
    return Examples(payments, np.array(frauds))


def test_each_kind_of_fraud_is_judged_at_the_same_false_positive_rates() -> None:
    # 1000 honest payments at 0.000 to 0.999, then four frauds; one may be flagged at 0.1 %, five at 0.5 %
    test = examples([False] * 1000 + [True] * 4)
    probabilities = np.concatenate((np.arange(1000) / 1000, [0.9985, 0.995, 0.5, 0.9]))
    types = [None] * 1000 + ["bust_out", "bust_out", None, "bust_out"]

    told = by_fraud_type(test, types, probabilities)["kinds"]

    assert [(row["fraud_type"], row["frauds"]) for row in told] == [("bust_out", 3), ("not said", 1)]
    assert told[0]["detection_rate_at_fpr_0_1_percent"] == pytest.approx(1 / 3)
    assert told[0]["detection_rate_at_fpr_0_5_percent"] == pytest.approx(2 / 3)
    assert told[0]["mean_probability"] == pytest.approx((0.9985 + 0.995 + 0.9) / 3)
    assert told[1]["detection_rate_at_fpr_0_5_percent"] == 0


def test_where_no_label_names_a_kind_the_report_says_so() -> None:
    told = by_fraud_type(examples([False, True]), [None, None], np.array([0.1, 0.9]))

    assert told["kinds"] == []
    assert "No label" in told["note"]


def test_figures_by_label_maturity_use_what_was_known_by_then() -> None:
    test = examples([False, True, True, True])
    delays = {"t0001": DAY_US // 2, "t0002": 2 * DAY_US, "t0003": 20 * DAY_US}
    labels = [Label(name, int(name[1:]) + delay, name, True) for name, delay in delays.items()]
    # an honest payment that was a fraud for three days
    labels += [Label("t0000", 0, "wrong", True), Label("t0000", 3 * DAY_US, "right", False)]
    probabilities = np.array([0.1, 0.9, 0.8, 0.7])

    rows = by_label_maturity(test, LabelHistory.of(labels), probabilities, maturity_days=7)

    assert [row["days_after_the_payment"] for row in rows] == [1, 3, 7, None]
    assert [row["frauds_known"] for row in rows] == [2, 3, 2, 3]
    assert [row["average_precision"] for row in rows] == pytest.approx([(1 + 2 / 4) / 2, (2 + 3 / 4) / 3, 1.0, 1.0])


def test_a_period_whose_labels_are_not_there_yet_has_no_figure() -> None:
    rows = by_label_maturity(examples([False, True]), LabelHistory.of([]), np.array([0.1, 0.9]), maturity_days=1)

    assert [row["days_after_the_payment"] for row in rows] == [1, None]
    assert rows[0]["average_precision"] is None
    assert rows[1]["average_precision"] == 1.0
