"""Scoring two models on the same matured payments."""

from fraud_training.metrics import average_precision
from fraud_training.promote import Comparison
from fraud_training.serving_form import ServingForm
from fraud_training.train import read_test_examples
from fraud_training.warehouse import TableVersion, Warehouse


def compare_on_test_period(warehouse: Warehouse, challenger: ServingForm, champion: ServingForm) -> Comparison | None:
    """Both models on the challenger's test period, features as it saw them, labels as known by now.

    Neither was fitted on that period: the challenger's own training ends before it, and an older champion's does so
    all the more. None when the champion was trained on other features.

    Raises:
        DataError: the tables cannot be read at all.
    """
    if champion.manifest["schema_hash"] != challenger.manifest["schema_hash"]:
        return None
    versions = challenger.manifest["data_version"]
    test = read_test_examples(
        warehouse,
        TableVersion(**versions["features"]),
        warehouse.current_version(versions["labels"]["table"]),
        challenger.manifest["feature_names"],
        challenger.test_period,
    )
    vectors = test.payments.vectors
    return Comparison(
        challenger=average_precision(challenger.probabilities(vectors), test.frauds),
        champion=average_precision(champion.probabilities(vectors), test.frauds),
        payments=len(test.payments),
        frauds=int(test.frauds.sum()),
    )
