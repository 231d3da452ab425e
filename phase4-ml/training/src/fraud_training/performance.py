"""How good the champion is on the newest payments whose labels had their time."""

from fraud_training.dataset import Examples
from fraud_training.evaluate import AVERAGE_PRECISION
from fraud_training.metrics import average_precision
from fraud_training.retraining import Performance
from fraud_training.serving_form import ServingForm
from fraud_training.split import DAY_US, Period
from fraud_training.warehouse import TableVersion, Warehouse


def matured_period(newest_us: int, maturity_days: int, days: int) -> Period:
    """The newest so many days that are as old as labels take; ``newest_us`` is just after the newest payment."""
    end = newest_us - maturity_days * DAY_US
    return Period(end - days * DAY_US, end)


def matured_performance(
    warehouse: Warehouse, form: ServingForm, features: TableVersion, labels: TableVersion, period: Period
) -> Performance | None:
    """Its average precision there and in its test period; None without a payment or without a known fraud.

    Average precision falls with the share of frauds too, whoever's fault that is: the rule looks at it beside drift.

    Raises:
        DataError: the tables cannot be read.
    """
    payments = warehouse.payments(features, form.manifest["feature_names"], period)
    history = warehouse.labels(labels, features)
    examples = Examples.labelled(payments, history, (history.newest_known_us or 0) + 1)
    frauds = int(examples.frauds.sum())
    if not frauds:
        return None
    return Performance(
        tested=float(form.manifest["metrics"][AVERAGE_PRECISION]),
        now=average_precision(form.probabilities(payments.vectors), examples.frauds),
        payments=len(payments),
        frauds=frauds,
    )
