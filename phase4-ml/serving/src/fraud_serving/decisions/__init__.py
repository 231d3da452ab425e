"""The append-only record of every decision."""

from fraud_serving.decisions.models import Base, DecisionRow
from fraud_serving.decisions.repository import Decision, DecisionRepository

__all__ = ["Base", "Decision", "DecisionRepository", "DecisionRow"]
