"""The append-only table of decisions and the view that dashboards read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("transaction_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("flags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("vector", sa.ARRAY(sa.REAL()), nullable=True),
        sa.Column("schema_hash", sa.Text(), nullable=False),
        sa.Column("missing", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("raw_probability", sa.Double(), nullable=True),
        sa.Column("calibrated_probability", sa.Double(), nullable=True),
        sa.Column("rules_score", sa.Double(), nullable=False),
        sa.Column("statistics_score", sa.Double(), nullable=True),
        sa.Column("fraud_probability", sa.Double(), nullable=False),
        sa.Column("fraud_score", sa.Double(), nullable=False),
        sa.Column("risk_tier", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reasons", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("rule_hits", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_user_id_event_time", "decisions", ["user_id", "event_time"])
    op.create_index("ix_decisions_created_at", "decisions", ["created_at"])
    op.execute(
        """
        CREATE FUNCTION refuse_change_of_decisions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'decisions is append-only: % refused', TG_OP;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER decisions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_decisions()
        """
    )
    op.execute(
        """
        CREATE VIEW predictions AS
        SELECT transaction_id, user_id, fraud_probability, risk_tier, model_version, latency_ms, created_at
        FROM decisions
        """
    )
    op.execute("GRANT SELECT, INSERT ON decisions TO fraud_api")
    op.execute("GRANT SELECT ON predictions TO fraud_api")
    op.execute("GRANT SELECT ON decisions, predictions TO fraud_reader")
    # The database gives both roles more by default.
    op.execute("REVOKE INSERT ON predictions FROM fraud_api")
    op.execute("REVOKE ALL ON alembic_version FROM fraud_api, fraud_reader")


def downgrade() -> None:
    op.execute("DROP VIEW predictions")
    op.drop_table("decisions")
    op.execute("DROP FUNCTION refuse_change_of_decisions()")
