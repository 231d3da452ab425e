"""The streams of this room: one per raw topic, with its table, checkpoint and dead letter topic."""

from dataclasses import dataclass

from fraud_contracts import BRONZE, CATALOG, QUARANTINE_TABLE, RAW_TOPICS, Topic
from fraud_contracts.names import CHECKPOINTS_PREFIX, QUARANTINE_PREFIX

QUARANTINE_FOLDER = "events"
# What this room's own producers take at most: whatever a raw topic was told to take must fit when it is sent again, or
# encrypted and with headers as a dead letter. The topics have limits of their own.
LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stream:
    """One raw topic on its way into one Bronze table, inside a namespace ("" is the platform's own)."""

    contract: Topic
    bucket: str
    namespace: str = ""

    @property
    def topic(self) -> str:
        return self.namespace + self.contract.name

    @property
    def dead_letter_topic(self) -> str:
        return self.namespace + self.contract.dead_letter_topic

    @property
    def subject(self) -> str:
        return self.namespace + self.contract.subject

    @property
    def table(self) -> str:
        """Bare name of the Bronze table, also the name of the streaming query."""
        return self.namespace + self.contract.table

    @property
    def table_key(self) -> str:
        """Location of the table inside the bucket."""
        return f"{BRONZE}/{self.table}"

    @property
    def checkpoint_key(self) -> str:
        """Location of the checkpoint inside the bucket."""
        return f"{CHECKPOINTS_PREFIX}/{self.table}"

    @property
    def table_path(self) -> str:
        return f"s3a://{self.bucket}/{self.table_key}"

    @property
    def checkpoint_path(self) -> str:
        return f"s3a://{self.bucket}/{self.checkpoint_key}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Every stream of one namespace and the quarantine table that they share."""

    bucket: str
    namespace: str = ""

    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(Stream(contract, self.bucket, self.namespace) for contract in RAW_TOPICS)

    @property
    def quarantine_table(self) -> str:
        return self.namespace + QUARANTINE_TABLE

    @property
    def quarantine_key(self) -> str:
        """Location of the quarantine table inside the bucket."""
        return f"{QUARANTINE_PREFIX}/{self.namespace}{QUARANTINE_FOLDER}"

    @property
    def quarantine_path(self) -> str:
        return f"s3a://{self.bucket}/{self.quarantine_key}"

    @property
    def lease_key(self) -> str:
        """Object that whoever writes this namespace's tables holds."""
        return f"{CHECKPOINTS_PREFIX}/_lease/{self.namespace}bronze-writer.json"

    def tables(self) -> dict[str, str]:
        """Location inside the bucket of each table of schema bronze, by bare table name."""
        return {stream.table: stream.table_key for stream in self.streams} | {
            self.quarantine_table: self.quarantine_key
        }


def trino_table(table: str) -> str:
    """Full name of a Bronze table in Trino."""
    return f"{CATALOG}.{BRONZE}.{table}"
