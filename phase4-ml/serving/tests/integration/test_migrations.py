from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, create_engine

from fraud_serving.decisions import Base

pytestmark = pytest.mark.integration


def test_the_migrations_make_what_the_models_say(database: dict[str, str]) -> None:
    url = URL.create(
        "postgresql+psycopg",
        username="fraud",
        password=database["FRAUD_DB_PASSWORD"],
        host=database["POSTGRES_HOST"],
        port=int(database["POSTGRES_CONNECT_PORT"]),
        database="fraud",
    )
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(stack: Any, database: dict[str, str]) -> None:
    done = stack.run(["fraud-serving", "migrate"])
    assert done.stdout.strip() == '{"before": "0001", "after": "0001"}'


def test_a_missing_secret_is_one_sentence(stack: Any) -> None:
    done = stack.run(["fraud-serving", "migrate"], env={"FRAUD_DB_PASSWORD": ""}, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("fraud-serving: FRAUD_DB_PASSWORD is empty: run `make setup`")
    assert len(done.stderr.strip().splitlines()) == 1
