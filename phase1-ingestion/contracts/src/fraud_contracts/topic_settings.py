"""How each topic is to be on the broker, as ``topics.yml`` says."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import yaml

FILE: Final = "topics.yml"
_RAW: Final = ".raw"
_DEAD_LETTERS: Final = ".dlq"


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """Partitions, replication factor and settings of one topic; the settings are texts under Kafka's names."""

    partitions: int
    replication: int
    config: Mapping[str, str]


def dead_letter_name(raw: str) -> str:
    """Name of a raw topic's dead letter twin."""
    return raw.removesuffix(_RAW) + _DEAD_LETTERS


@cache
def topic_settings() -> Mapping[str, TopicSettings]:
    """The settings of every topic by its name, each raw topic before its dead letter twin.

    Raises:
        ValueError: ``topics.yml`` holds a key that nobody reads, or lacks one; the message names it.
    """
    return MappingProxyType(read_topics((files("fraud_contracts") / FILE).read_text(encoding="utf-8")))


def read_topics(text: str) -> dict[str, TopicSettings]:
    """The settings of every topic in the text of a ``topics.yml``.

    Raises:
        ValueError: a key is unknown or missing, or a number is not one; the message names it.
    """
    said = _only(yaml.safe_load(text), "", {"raw", "dead_letters", "topics"})
    raw_kind = _only(said.get("raw"), "raw", {"replication", "config"})
    dead_kind = _only(said.get("dead_letters"), "dead_letters", {"partitions", "replication", "config"})
    found: dict[str, TopicSettings] = {}
    for name, own in _mapping(said.get("topics"), "topics").items():
        where = f"topics.{name}"
        if not name.endswith(_RAW):
            raise ValueError(f"{FILE}: {where} does not end in {_RAW}; its dead letter twin would have its name")
        own = _only(own, where, {"partitions", "replication", "config", "dead_letters"})  # noqa: PLW2901
        dead = _only(own.get("dead_letters", {}), f"{where}.dead_letters", {"partitions", "replication", "config"})
        found[name] = _settings(raw_kind, own, where)
        found[dead_letter_name(name)] = _settings(dead_kind, dead, f"{where}.dead_letters")
    return found


def _settings(kind: Mapping[str, Any], own: Mapping[str, Any], where: str) -> TopicSettings:
    config = {**_mapping(kind.get("config", {}), "config"), **_mapping(own.get("config", {}), f"{where}.config")}
    return TopicSettings(
        partitions=_count({**kind, **own}, "partitions", where),
        replication=_count({**kind, **own}, "replication", where),
        config=MappingProxyType({name: _text(value) for name, value in config.items()}),
    )


def _text(value: Any) -> str:
    """A setting as Kafka writes it: YAML's true is ``true``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _count(said: Mapping[str, Any], name: str, where: str) -> int:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{FILE}: {where}.{name} is {value!r}, not a whole number from 1")
    return value


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{FILE}: {where or 'the file'} holds {value!r} where keys with values belong")  # noqa: TRY004
    return value


def _only(value: Any, where: str, known: set[str]) -> Mapping[str, Any]:
    found = _mapping(value, where)
    if unknown := sorted(set(found) - known):
        prefix = f"{where}." if where else ""
        raise ValueError(f"{FILE}: nobody reads {prefix}{unknown[0]}; known there: {', '.join(sorted(known))}")
    return found
