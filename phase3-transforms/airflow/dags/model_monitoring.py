"""Looks once a day at how the served model fares, and asks for another before its weekly turn if it has to.

Drift of features and score, and what a challenger would have decided, are written down for Prometheus. Then the rule
decides (phase4-ml/training/README.md): the log of ``retrain_if_due`` holds its figures and its reasons. When training
is due, the task updates the asset ``training_is_due``, and ``model_training`` runs; when it is not, it is skipped.
"""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, chain

GOLD = Asset("gold")
CHAMPION_MODEL = Asset("champion_model")
TRAINING_IS_DUE = Asset("training_is_due")
# an exit code that no failure has
NOT_DUE = 99

with DAG(
    dag_id="model_monitoring",
    description="Drift, a challenger in shadow, and whether a model is to be trained before its weekly turn",
    doc_md=__doc__,
    schedule="10 2 * * *",
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    tags=["models"],
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(hours=1),
    },
):
    measure_drift = BashOperator(
        task_id="measure_drift",
        bash_command='"$FRAUD_BIN/fraud-training" drift',
        doc_md="Compares the newest days in Gold with what the champion was calibrated on. Drift is an answer.",
        inlets=[GOLD, CHAMPION_MODEL],
    )
    compare_challenger = BashOperator(
        task_id="compare_challenger",
        bash_command='"$FRAUD_BIN/fraud-training" shadow',
        doc_md="Scores the vectors of logged decisions with the challenger too. Having none is an answer.",
        inlets=[CHAMPION_MODEL],
    )
    retrain_if_due = BashOperator(
        task_id="retrain_if_due",
        bash_command=f'"$FRAUD_BIN/fraud-training" due --otherwise {NOT_DUE}',
        skip_on_exit_code=NOT_DUE,
        doc_md="Says whether training is due, with all reasons; skipped when it is not, so that no training begins.",
        outlets=[TRAINING_IS_DUE],
    )

    chain(measure_drift, compare_challenger, retrain_if_due)
