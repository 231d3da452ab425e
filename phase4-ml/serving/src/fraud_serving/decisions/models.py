"""Tables of the ``fraud`` database that serving owns; the schema itself is made by the migrations."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DateTime, Double, Index, MetaData, String, Text, func
from sqlalchemy.dialects.postgresql import JSONB, REAL
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Names constraints, so that a migration can name them too."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        }
    )


class DecisionRow(Base):
    """One decision: what was asked, what was known, what was answered. Never updated, never deleted.

    ``vector`` holds the float32 feature vector in the order that ``schema_hash`` names, or is NULL when the features
    could not be read; ``missing`` names its values that were not known.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_user_id_event_time", "user_id", "event_time"),
        Index("ix_decisions_created_at", "created_at"),
    )

    transaction_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    event_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    mode: Mapped[str] = mapped_column(Text)
    flags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    vector: Mapped[list[float] | None] = mapped_column(ARRAY(REAL))
    schema_hash: Mapped[str] = mapped_column(Text)
    missing: Mapped[list[str]] = mapped_column(ARRAY(Text))
    raw_probability: Mapped[float | None] = mapped_column(Double)
    calibrated_probability: Mapped[float | None] = mapped_column(Double)
    rules_score: Mapped[float] = mapped_column(Double)
    statistics_score: Mapped[float | None] = mapped_column(Double)
    fraud_probability: Mapped[float] = mapped_column(Double)
    fraud_score: Mapped[float] = mapped_column(Double)
    risk_tier: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rule_hits: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rules_version: Mapped[str] = mapped_column(Text)
    model_version: Mapped[str] = mapped_column(Text)
    model_digest: Mapped[str | None] = mapped_column(Text)
    latency_ms: Mapped[float] = mapped_column(Double)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
