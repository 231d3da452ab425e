"""Takes back the space of old versions of the tables that Trino writes, once a night.

What a registered model names stays readable, however old it is; while MLflow does not answer, nothing is removed.
Bronze and quarantine are Spark's: the Bronze writer maintains them itself.
"""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    dag_id="lakehouse_maintenance",
    description="Vacuum Silver and Gold, but for what registered models name",
    doc_md=__doc__,
    schedule="50 4 * * *",
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    tags=["lakehouse"],
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=1),
    },
):
    BashOperator(
        task_id="vacuum",
        bash_command='"$FRAUD_BIN/fraud-stream" vacuum',
        doc_md="Removes files that no version within the retention needs, and no version that a model names.",
    )
