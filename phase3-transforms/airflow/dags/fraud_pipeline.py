"""From Bronze to Gold and on to the online store, every 15 minutes.

Each task is one console command of the root environment, found through ``FRAUD_BIN``, and safe to repeat. What a
task needs to know comes from the environment of Airflow's scheduler.
"""

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, chain

# Airflow never starts a run of a paused DAG, not even one by hand. While this file exists there is no schedule, so
# whoever drives the pipeline himself (make demo) meets no other run.
HOLD = Path(os.environ["FRAUD_STATE_DIR"]) / "run" / "pipeline-schedule.hold"
SCHEDULE = None if HOLD.exists() else "*/15 * * * *"

RUN_DBT = '"$DBT_PROJECT_DIR/run-dbt"'

BRONZE = Asset("bronze")
SILVER = Asset("silver")
GOLD = Asset("gold")
ONLINE_PROFILES = Asset("online_profiles")

with DAG(
    dag_id="fraud_pipeline",
    description="Bronze to Silver and Gold with dbt on Trino, tested, then the profiles to the online store",
    doc_md=__doc__,
    schedule=SCHEDULE,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    tags=["lakehouse"],
    default_args={
        # Trino may restart under a task; every command gives the same result when it is repeated
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(hours=1),
    },
):
    bronze_freshness_check = BashOperator(
        task_id="bronze_freshness_check",
        bash_command='"$FRAUD_BIN/fraud-stream" freshness',
        doc_md="Fails when Kafka holds messages that Bronze should have had by now; silence is no failure.",
        outlets=[BRONZE],
    )
    dbt_seed = BashOperator(
        task_id="dbt_seed",
        bash_command=f"{RUN_DBT} seed",
        doc_md="Writes the merchant reference table anew.",
    )
    dbt_staging = BashOperator(
        task_id="dbt_staging",
        bash_command=f"{RUN_DBT} run --select tag:staging",
        doc_md="Views over Bronze: renamed and cast, nothing else.",
        inlets=[BRONZE],
    )
    dbt_intermediate = BashOperator(
        task_id="dbt_intermediate",
        bash_command=f"{RUN_DBT} run --select tag:intermediate",
        doc_md="Silver: payments once, labels as of their known time, days per user.",
        inlets=[BRONZE],
        outlets=[SILVER],
    )
    dbt_marts = BashOperator(
        task_id="dbt_marts",
        bash_command=f"{RUN_DBT} run --select tag:marts",
        doc_md="Gold: features, profiles and metrics.",
        inlets=[SILVER],
    )
    dbt_test = BashOperator(
        task_id="dbt_test",
        # unit tests judge the code, not the data: they run in the project's own tests
        bash_command=f"{RUN_DBT} test --exclude-resource-type unit_test --threads 4",
        doc_md="The data tests of both layers. What fails here is not pushed to the online store.",
        retries=1,
        inlets=[SILVER],
        outlets=[GOLD],
    )
    push_features_to_redis = BashOperator(
        task_id="push_features_to_redis",
        bash_command='"$FRAUD_BIN/fraud-serving" push-features',
        doc_md="Writes the newest profile of every user, merchant and category to Redis; the windows are not touched.",
        inlets=[GOLD],
        outlets=[ONLINE_PROFILES],
    )

    chain(
        bronze_freshness_check,
        dbt_seed,
        dbt_staging,
        dbt_intermediate,
        dbt_marts,
        dbt_test,
        push_features_to_redis,
    )
