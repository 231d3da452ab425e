"""Runs the migrations on the connection that the caller hands over."""

from alembic import context

from fraud_serving.decisions.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
