"""Somebody's own payments: a file and a mapping become the same events that the simulator makes."""

from fraud_producer.replay.mapping import Mapping, load_mapping
from fraud_producer.replay.replaying import FileReplay, FileSpan

__all__ = ["FileReplay", "FileSpan", "Mapping", "load_mapping"]
