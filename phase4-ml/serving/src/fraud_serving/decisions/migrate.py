"""Brings the schema of the ``fraud`` database up to date."""

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, text

from fraud_serving.settings import Settings

# Two starts at once must not run the same migration: PostgreSQL makes the second one wait.
MIGRATION_LOCK = 7_204_311


def migrate(settings: Settings) -> tuple[str | None, str]:
    """Runs every migration that has not run yet, as the database's owner; returns the revisions before and after.

    Raises:
        SettingsError: host or the owner's password is missing.
        sqlalchemy.exc.OperationalError: PostgreSQL does not answer.
    """
    settings.require("postgres_host", "owner_password")
    url = URL.create(
        "postgresql+psycopg",
        username="fraud",
        password=settings.owner_password.get_secret_value(),
        host=settings.postgres_host,
        port=settings.postgres_port,
        database=settings.database,
    )
    engine = create_engine(url, connect_args={"connect_timeout": 10, "application_name": "fraud-serving-migrate"})
    try:
        with as_file(files("fraud_serving.decisions") / "migrations") as folder, engine.connect() as connection:
            config = Config()
            # Interpolation would choke on a % in a path.
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            config.attributes["connection"] = connection
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()
            before = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            command.upgrade(config, "head")
            connection.commit()
            head = ScriptDirectory.from_config(config).get_current_head()
            return before, str(head)
    finally:
        engine.dispose()
