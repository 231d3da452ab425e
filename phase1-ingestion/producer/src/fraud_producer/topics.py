"""Topics as the contracts want them: created once, checked every time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs re-export nothing
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from fraud_contracts import TopicSettings, topic_settings
from fraud_producer.drift import Drift
from fraud_producer.errors import TopicError, UnreachableError

_TIMEOUT_SECONDS: Final = 15.0
_CORRECTABLE: Final = "`fraud-producer init` corrects it"
_PARTITIONS_REMEDY: Final = (
    "keys would move; delete the topic (`make clean` deletes all data) or change it in topics.yml"
)
_REPLICATION_REMEDY: Final = "move the replicas with kafka-reassign-partitions.sh or change it in topics.yml"


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is: the settings that topics.yml names anywhere, and how many messages it holds."""

    name: str
    partitions: int
    config: dict[str, str]
    messages: int


@dataclass(frozen=True, slots=True)
class Ensured:
    """What making a topic right took: it was created, or these settings were corrected, or neither.

    ``left`` is what only a person can put right.
    """

    name: str
    partitions: int
    created: bool
    corrected: tuple[Drift, ...] = ()
    left: tuple[Drift, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many partitions a topic has, and how many copies the least replicated of them."""

    partitions: int
    replication: int


class Topics:
    """Creates, corrects and describes topics on one cluster. Nothing is sent before the first call."""

    def __init__(self, bootstrap_servers: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._servers = bootstrap_servers
        self._timeout = timeout_seconds
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 2})

    def ensure(self, wanted: Mapping[str, TopicSettings] | None = None) -> list[Ensured]:
        """Create what is missing and correct drifted settings; running it again changes nothing.

        Args:
            wanted: settings by topic name; by default those of the contracts.

        Raises:
            TopicError: a topic has another number of partitions, which cannot be corrected without moving keys.
            UnreachableError: the broker does not answer.
        """
        wanted = topic_settings() if wanted is None else wanted
        existing = self._shapes()
        self._create({name: settings for name, settings in wanted.items() if name not in existing})
        done = []
        for name, settings in wanted.items():
            if name not in existing:
                done.append(Ensured(name, settings.partitions, created=True))
                continue
            drifted = self._config_drift(name, settings)
            self._correct(name, drifted)
            left = _shape_drift(name, existing[name], settings)
            done.append(Ensured(name, existing[name].partitions, False, tuple(drifted), tuple(left)))
        if moved := [drift for each in done for drift in each.left if drift.setting == "partitions"]:
            raise TopicError("; ".join(map(str, moved)))
        return done

    def drift(self, wanted: Mapping[str, TopicSettings] | None = None) -> list[Drift]:
        """What differs from the wanted settings, by default those of the contracts. Nothing is changed.

        Raises:
            UnreachableError: the broker does not answer.
        """
        wanted = topic_settings() if wanted is None else wanted
        existing = self._shapes()
        found: list[Drift] = []
        for name, settings in wanted.items():
            if name not in existing:
                found.append(Drift(name, "topic", "there", "missing", "`fraud-producer init` creates it"))
            else:
                found += _shape_drift(name, existing[name], settings)
                found += self._config_drift(name, settings)
        return found

    def describe(self) -> list[TopicState]:
        """Every topic that is not the broker's own, with its settings of the contracts and its messages."""
        watched = {key for settings in topic_settings().values() for key in settings.config}
        states = []
        for name, shape in sorted(self._shapes().items()):
            config = {key: value for key, value in self._config(name).items() if key in watched}
            states.append(TopicState(name, shape.partitions, config, self._messages(name, shape.partitions)))
        return states

    def partitions(self, name: str) -> int:
        """Number of partitions of a topic.

        Raises:
            TopicError: it does not exist.
        """
        shapes = self._shapes()
        if name not in shapes:
            raise TopicError(f"{name} does not exist: run `fraud-producer init` first")
        return shapes[name].partitions

    def _shapes(self) -> dict[str, _Shape]:
        try:
            topics = self._admin.list_topics(timeout=self._timeout).topics
        except KafkaException as problem:
            raise UnreachableError(
                f"Kafka does not answer at {self._servers}: is it up? `make status` shows it; "
                "KAFKA_BOOTSTRAP_SERVERS names it"
            ) from problem
        return {
            name: _Shape(len(found), min((len(partition.replicas) for partition in found.values()), default=0))
            for name, topic in topics.items()
            if not name.startswith("__") and (found := topic.partitions)
        }

    def _create(self, missing: Mapping[str, TopicSettings]) -> None:
        if not missing:
            return
        new = [
            NewTopic(name, settings.partitions, settings.replication, config=dict(settings.config))
            for name, settings in missing.items()
        ]
        for name, done in self._admin.create_topics(new, operation_timeout=self._timeout).items():
            _settle(done, f"{name} could not be created")

    def _config_drift(self, name: str, settings: TopicSettings) -> list[Drift]:
        now = self._config(name)
        return [
            Drift(name, key, value, now.get(key, "not set"), _CORRECTABLE)
            for key, value in settings.config.items()
            if now.get(key) != value
        ]

    def _correct(self, name: str, drifted: list[Drift]) -> None:
        if not drifted:
            return
        entries = [
            ConfigEntry(drift.setting, drift.wanted, incremental_operation=AlterConfigOpType.SET) for drift in drifted
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        for done in self._admin.incremental_alter_configs([resource]).values():
            _settle(done, f"the settings of {name} could not be corrected")

    def _config(self, name: str) -> dict[str, str]:
        resource = ConfigResource(ResourceType.TOPIC, name)
        for done in self._admin.describe_configs([resource]).values():
            entries = _settle(done, f"the settings of {name} could not be read")
            return {key: str(entry.value) for key, entry in entries.items()}
        return {}

    def _messages(self, name: str, partitions: int) -> int:
        """Messages that the topic holds now."""
        total = 0
        asked = [TopicPartition(name, partition) for partition in range(partitions)]
        ends = self._admin.list_offsets(dict.fromkeys(asked, OffsetSpec.latest()))
        begins = self._admin.list_offsets(dict.fromkeys(asked, OffsetSpec.earliest()))
        for partition in asked:
            total += _settle(ends[partition], name).offset - _settle(begins[partition], name).offset
        return total


def _shape_drift(name: str, found: _Shape, wanted: TopicSettings) -> list[Drift]:
    drifted = []
    if found.partitions != wanted.partitions:
        drifted.append(Drift(name, "partitions", str(wanted.partitions), str(found.partitions), _PARTITIONS_REMEDY))
    if found.replication != wanted.replication:
        drifted.append(Drift(name, "replication", str(wanted.replication), str(found.replication), _REPLICATION_REMEDY))
    return drifted


def _settle(done: Any, failure: str) -> Any:
    try:
        return done.result(timeout=_TIMEOUT_SECONDS)
    except KafkaException as problem:
        raise TopicError(f"{failure}: {problem.args[0].str()}") from problem
