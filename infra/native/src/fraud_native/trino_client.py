"""A connection to the stack's Trino."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fraud_contracts import CATALOG

if TYPE_CHECKING:
    from trino.dbapi import Connection


def connect(variables: Mapping[str, str], user: str = "reader", timeout_seconds: float = 30.0) -> "Connection":
    """Connects as a Trino user (``reader`` may only read); nothing is sent before the first query."""
    import trino  # noqa: PLC0415 - only the commands that ask Trino pay for its client

    host, _, port = variables["TRINO_URL"].rpartition("//")[2].partition(":")
    connection = trino.dbapi.Connection
    return connection(host=host, port=int(port), user=user, catalog=CATALOG, request_timeout=timeout_seconds)
