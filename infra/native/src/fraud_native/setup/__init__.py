"""Installs and caches what the services need beside the root environment.

Everything is per user and outside the clone (``~/.cache/fraud-watch``), except the environments of Airflow and of
Superset, and Debian's packages. Each part is written under a temporary name and moved into place when it is complete,
and is kept as long as what it was made from stays the same: a set-up may be interrupted and repeated at any time.
"""

from fraud_native.setup.outcome import SetupError
from fraud_native.setup.run import run

__all__ = ["SetupError", "run"]
