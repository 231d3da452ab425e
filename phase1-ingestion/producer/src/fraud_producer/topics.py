"""Topics as the contracts want them: created once, checked every time."""

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

from fraud_contracts import RAW_TOPICS, TOPIC_CONFIG
from fraud_producer.errors import TopicError, UnreachableError

_TIMEOUT_SECONDS: Final = 15.0
# A dead letter topic carries few messages; one partition keeps them in one order.
_DEAD_LETTER_PARTITIONS: Final = 1


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is after a check: what was created or corrected, and how many messages it ever took."""

    name: str
    partitions: int
    config: dict[str, str]
    created: bool = False
    corrected: tuple[str, ...] = ()
    messages: int = 0


def wanted_topics() -> dict[str, int]:
    """Name and partitions of every topic of the contracts, dead letter twins included."""
    wanted = {topic.name: topic.partitions for topic in RAW_TOPICS}
    return wanted | {topic.dead_letter_topic: _DEAD_LETTER_PARTITIONS for topic in RAW_TOPICS}


class Topics:
    """Creates, corrects and describes topics on one cluster. Nothing is sent before the first call."""

    def __init__(self, bootstrap_servers: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._servers = bootstrap_servers
        self._timeout = timeout_seconds
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 2})

    def ensure(self, wanted: dict[str, int] | None = None) -> list[TopicState]:
        """Create what is missing and correct drifted settings; running it again changes nothing.

        Args:
            wanted: partitions by topic name; by default the topics of the contracts.

        Raises:
            TopicError: a topic has another number of partitions, which cannot be corrected without moving keys.
            UnreachableError: the broker does not answer.
        """
        wanted = wanted_topics() if wanted is None else wanted
        existing = self._partition_counts()
        missing = {name: count for name, count in wanted.items() if name not in existing}
        self._create(missing)
        for name, count in wanted.items():
            if name in existing and existing[name] != count:
                raise TopicError(
                    f"{name} has {existing[name]} partitions, the contracts say {count}: keys would move; "
                    "delete the topic (`make clean` deletes all data) or change the contract"
                )
        states = []
        for name, count in wanted.items():
            corrected = () if name in missing else self._correct(name)
            states.append(TopicState(name, count, dict(TOPIC_CONFIG), name in missing, corrected))
        return states

    def describe(self) -> list[TopicState]:
        """Every topic that is not the broker's own, with its settings of the contracts and its messages."""
        states = []
        for name, partitions in sorted(self._partition_counts().items()):
            config = {key: value for key, value in self._config(name).items() if key in TOPIC_CONFIG}
            states.append(TopicState(name, partitions, config, messages=self._messages(name, partitions)))
        return states

    def partitions(self, name: str) -> int:
        """Number of partitions of a topic.

        Raises:
            TopicError: it does not exist.
        """
        counts = self._partition_counts()
        if name not in counts:
            raise TopicError(f"{name} does not exist: run `fraud-producer init` first")
        return counts[name]

    def _partition_counts(self) -> dict[str, int]:
        try:
            topics = self._admin.list_topics(timeout=self._timeout).topics
        except KafkaException as problem:
            raise UnreachableError(
                f"Kafka does not answer at {self._servers}: is it up? `make status` shows it; "
                "KAFKA_BOOTSTRAP_SERVERS names it"
            ) from problem
        return {name: len(topic.partitions) for name, topic in topics.items() if not name.startswith("__")}

    def _create(self, missing: dict[str, int]) -> None:
        if not missing:
            return
        new = [NewTopic(name, count, 1, config=dict(TOPIC_CONFIG)) for name, count in missing.items()]
        for name, done in self._admin.create_topics(new, operation_timeout=self._timeout).items():
            _settle(done, f"{name} could not be created")

    def _correct(self, name: str) -> tuple[str, ...]:
        """Set what differs from the contracts; returns ``key: old -> new`` texts."""
        now = self._config(name)
        drifted = {key: value for key, value in TOPIC_CONFIG.items() if now.get(key) != value}
        if drifted:
            entries = [
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in drifted.items()
            ]
            resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
            for done in self._admin.incremental_alter_configs([resource]).values():
                _settle(done, f"the settings of {name} could not be corrected")
        return tuple(f"{key}: {now.get(key)} -> {value}" for key, value in drifted.items())

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


def _settle(done: Any, failure: str) -> Any:
    try:
        return done.result(timeout=_TIMEOUT_SECONDS)
    except KafkaException as problem:
        raise TopicError(f"{failure}: {problem.args[0].str()}") from problem
