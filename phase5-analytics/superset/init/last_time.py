"""What was done the last time, kept in Superset's own database: a new database knows nothing of it."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import psycopg2

_TABLE = "fraud_watch_init"
_HERE = Path(__file__).parent
_WATCHED = ("SUPERSET_ADMIN_USER", "SUPERSET_ADMIN_PASSWORD", "SUPERSET_ANALYST_USER", "SUPERSET_ANALYST_PASSWORD")


class LastTime:
    """A digest of everything that decides what has to be done."""

    def __init__(self, uri: str, key: str) -> None:
        # psycopg2 knows no SQLAlchemy drivers
        self._dsn = uri.replace("postgresql+psycopg2://", "postgresql://", 1)
        self._key = key.encode()

    def digest(self, texts: Mapping[str, str], env: Mapping[str, str]) -> str:
        """Over the assets, these scripts, Superset's version, and users and passwords: keyed, as it is stored."""
        scripts = {file.name: file.read_text(encoding="utf-8") for file in sorted(_HERE.glob("*.py"))}
        users = {name: env[name] for name in _WATCHED}
        everything = json.dumps([dict(texts), scripts, users, version("apache-superset")], sort_keys=True)
        return hmac.new(self._key, everything.encode(), hashlib.sha256).hexdigest()

    def recorded(self) -> str | None:
        """The digest of the last time; none for a database that was never set up."""
        with closing(psycopg2.connect(self._dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", (_TABLE,))
            if cursor.fetchone() == (None,):
                return None
            cursor.execute(f"SELECT digest FROM {_TABLE}")  # noqa: S608
            row = cursor.fetchone()
            return row[0] if row else None

    def record(self, digest: str) -> None:
        """Remembers that all of it is done."""
        with closing(psycopg2.connect(self._dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {_TABLE} (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), "
                "digest text NOT NULL)"
            )
            cursor.execute(
                f"INSERT INTO {_TABLE} (digest) VALUES (%s) "  # noqa: S608
                "ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest",
                (digest,),
            )
