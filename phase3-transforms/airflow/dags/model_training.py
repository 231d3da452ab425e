"""Trains the fraud classifier on Gold and promotes it if it is good enough; weekly, by hand, and when it is due.

Due it is when ``model_monitoring`` says so: because of drift, of worse results on matured labels, or of age.

A refused model is an answer, not a failure: the champion stays, and the log of ``promote`` gives the reason.
A run by hand may set ``trees``, ``max_depth`` and ``own_data``; the schema rejects values that do not fit.
"""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, chain

GOLD = Asset("gold")
CHAMPION_MODEL = Asset("champion_model")
# updated by model_monitoring
TRAINING_IS_DUE = Asset("training_is_due")
# whom the history of the model names
ACTOR = "DAG model_training"

with DAG(
    dag_id="model_training",
    description="Train on Gold, register the model, promote it if it passes the gates",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        # a stack that is brought up on a Monday has no Gold yet: what has passed is not made up for
        timetable=CronTriggerTimetable("30 3 * * 1", timezone="UTC", run_immediately=timedelta(0)),
        assets=[TRAINING_IS_DUE],
    ),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    tags=["models"],
    params={
        "trees": Param(
            None, type=["null", "integer"], minimum=10, maximum=2000, description="Trees of the forest; empty: default"
        ),
        "max_depth": Param(
            None, type=["null", "integer"], minimum=2, maximum=50, description="Greatest depth; empty: default"
        ),
        "own_data": Param(
            False, type="boolean", description="Not the simulator's payments: PROMOTION_MIN_AUC does not apply"
        ),
    },
    default_args={
        "retries": 1,
        "retry_delay": timedelta(seconds=30),
        "execution_timeout": timedelta(hours=3),
    },
):
    train = BashOperator(
        task_id="train",
        # the values travel as environment variables: nothing that a caller writes becomes part of a command line
        bash_command=(
            '"$FRAUD_BIN/fraud-training" train --by "$ACTOR" ${TREES:+--trees "$TREES"} '
            '${MAX_DEPTH:+--max-depth "$MAX_DEPTH"}'
        ),
        env={"TREES": "{{ params.trees or '' }}", "MAX_DEPTH": "{{ params.max_depth or '' }}", "ACTOR": ACTOR},
        append_env=True,
        doc_md="Reads Gold at a recorded version, trains, logs the run and registers the candidate.",
        inlets=[GOLD],
    )
    promote = BashOperator(
        task_id="promote",
        bash_command='"$FRAUD_BIN/fraud-training" promote --by "$ACTOR" ${OWN_DATA:+--own-data}',
        env={"OWN_DATA": "{{ 'yes' if params.own_data else '' }}", "ACTOR": ACTOR},
        append_env=True,
        doc_md="Candidate to challenger to champion, each step behind its gate.",
        outlets=[CHAMPION_MODEL],
    )

    chain(train, promote)
