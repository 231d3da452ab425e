"""Brings Airflow's database up to date and makes the administrator; safe to repeat.

The password is read from the environment inside this process: as an argument of ``airflow users create`` it would
stand in the process list.
"""

import os
import sys

from airflow.__main__ import main


def airflow(*arguments: str) -> None:
    """Runs one airflow command in this process."""
    sys.argv = ["airflow", *arguments]
    main()


airflow("db", "migrate")
airflow(
    "users",
    "create",
    *("--role", "Admin", "--username", os.environ["AIRFLOW_ADMIN_USER"]),
    *("--firstname", "Fraud", "--lastname", "Watch", "--email", "admin@localhost"),
    *("--password", os.environ["AIRFLOW_ADMIN_PASSWORD"]),
)
