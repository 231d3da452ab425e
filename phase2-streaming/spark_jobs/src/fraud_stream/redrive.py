"""Deciding about quarantined messages: send one to its raw topic again, so that it lands once, or give it up.

A redriven message is a new message: it goes to the partition it came from with the bytes and key it had, is landed or
quarantined under its new offset like any other, and is in the ledger like any other. A header says where it comes from.

What makes it land once is the order: claim (with the topic's end as it is then), send, end. Whoever finds the claim of
a process that died looks through the topic from that end on for a message with the header, and sends only when there
is none. A process that dies takes its connection with it, and by the time that the next claim is written, seconds
later, the broker has taken whatever was still under way.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from fraud_contracts import LedgerFiles
from fraud_stream.broker import Broker
from fraud_stream.coordinates import Coordinates
from fraud_stream.dispositions import DISCARDED, REDRIVEN, Disposition, Dispositions
from fraud_stream.errors import BrokerError
from fraud_stream.ledger import read_ledger
from fraud_stream.offset_ranges import OffsetRanges
from fraud_stream.quarantine_audit import AuditLog
from fraud_stream.quarantine_reader import Quarantine, QuarantinedMessage, Selection
from fraud_stream.streams import LARGEST_MESSAGE_BYTES

log = logging.getLogger(__name__)

ORIGIN_HEADER: Final = "redriven-from"
# Messages that are claimed, sent and ended together: two statements for all of them.
BATCH: Final = 200
DELIVERY_SECONDS: Final = 30
SILENT_SECONDS: Final = 30.0
UNTOLD: Final = (
    "an earlier run died while it was sending it, and the topic no longer holds what was sent then: "
    "look for its id in Bronze, then discard it"
)


@dataclass(slots=True)
class Decisions:
    """What a run did, by the messages' coordinates."""

    # new offsets, on the partition that the message came from
    redriven: dict[Coordinates, int] = field(default_factory=dict)
    # sent by a run that died before it could say so: new offsets
    found: dict[Coordinates, int] = field(default_factory=dict)
    discarded: list[Coordinates] = field(default_factory=list)
    # why nothing was done
    refused: dict[Coordinates, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides about messages of one quarantine table, in the name of one person."""

    quarantine: Quarantine
    dispositions: Dispositions
    audit: AuditLog
    broker: Broker
    bootstrap_servers: str
    ledger: LedgerFiles
    # take what a process on another machine claimed: whoever says so knows that it is dead
    take_over: bool = False

    def redrive(self, coordinates: Sequence[Coordinates], key: bytes) -> Decisions:
        """Send messages again that nobody has decided about; ``key`` opens their payloads.

        Raises:
            DispositionError: somebody else decides at the same moment; run it again.
            BrokerError: Kafka does not answer.
        """
        done = Decisions()
        for batch in _batches(coordinates):
            self._redrive(batch, key, done)
        return done

    def discard(self, coordinates: Sequence[Coordinates]) -> Decisions:
        """Write down that messages are not needed; one that a dead run has sent counts as redriven.

        Raises:
            DispositionError: somebody else decides at the same moment; run it again.
            BrokerError: Kafka does not answer.
        """
        done = Decisions()
        for batch in _batches(coordinates):
            ours = self._claim(batch, {}, done)
            self.audit.write("discard", ours)
            sent, _ = self._end_what_was_sent(ours, done)
            rest = [at for at in ours if at not in sent]
            self.dispositions.end(DISCARDED, dict.fromkeys(rest))
            done.discarded += rest
        return done

    def _redrive(self, batch: Sequence[Coordinates], key: bytes, done: Decisions) -> None:
        ends = {topic: self.broker.end_offsets(topic) for topic in {at.topic for at in batch}}
        ours = self._claim(batch, {at: ends[at.topic][at.partition] for at in batch}, done)
        self.audit.write("redrive", ours)
        sent, untold = self._end_what_was_sent(ours, done)
        done.refused |= dict.fromkeys(untold, UNTOLD)
        rest = tuple(at for at in ours if at not in sent and at not in untold)
        if not rest:
            return
        messages = self.quarantine.messages(Selection(coordinates=rest), key, len(rest))
        new_offsets, failed = send(self.bootstrap_servers, messages)
        done.refused |= failed
        for at, offset in new_offsets.items():
            self.ledger.acknowledge(at.topic, at.partition, offset, f"redriven:{at}")
        self._end_redriven(new_offsets)
        done.redriven |= new_offsets

    def _claim(
        self, batch: Sequence[Coordinates], search_from: Mapping[Coordinates, int], done: Decisions
    ) -> dict[Coordinates, Disposition]:
        """Claim what may be claimed: what was known of each message that is ours now."""
        known = self.dispositions.of(batch)
        reasons = {at: reason for at in batch if (reason := self._refusal(known[at]))}
        done.refused |= reasons
        attempts = {at: known[at].next_attempt for at in batch if at not in reasons}
        if not attempts:
            return {}
        ours = self.dispositions.claim(attempts, search_from)
        done.refused |= dict.fromkeys(attempts.keys() - ours, "somebody else has just claimed it")
        # in the order in which they were given, which is the order in which they are sent
        return {at: known[at] for at in attempts if at in ours}

    def _refusal(self, known: Disposition) -> str:
        if known.end == REDRIVEN:
            return f"was redriven already, to offset {known.to_offset}"
        if known.end is not None:
            return f"was {known.end} already"
        for claim in known.claims:
            if claim.is_elsewhere and not self.take_over:
                return (
                    f"was claimed by {claim.who} on another machine (process {claim.process.pid}) and never finished; "
                    "when that process is gone for certain, repeat with --take-over"
                )
            if not claim.is_elsewhere and claim.is_alive and claim.run != self.dispositions.run:
                return f"is being decided about by {claim.who} (process {claim.process.pid}) at this moment"
        return ""

    def _end_what_was_sent(
        self, ours: Mapping[Coordinates, Disposition], done: Decisions
    ) -> tuple[set[Coordinates], set[Coordinates]]:
        """Finish what a dead run has sent but not written down.

        Returns the messages that were found on their topic, and those of which nobody can tell any more.
        """
        searched = {at: known.search_from for at, known in ours.items() if known.search_from is not None}
        found: dict[Coordinates, int] = {}
        untold: set[Coordinates] = set()
        for topic, partition in sorted({(at.topic, at.partition) for at in searched}):
            here = {at: start for at, start in searched.items() if (at.topic, at.partition) == (topic, partition)}
            begin, end = self.broker.offsets(topic)[partition]
            copies = find_copies(self.bootstrap_servers, topic, partition, max(begin, min(here.values())), end)
            found |= {at: copies[str(at)] for at in here if str(at) in copies}
            untold |= {at for at, start in here.items() if start < begin and at not in found}
        self._add_to_ledger(found)
        self._end_redriven(found)
        done.found |= found
        return set(found), untold

    def _add_to_ledger(self, found: Mapping[Coordinates, int]) -> None:
        """Add the lines that a dead run did not come to write."""
        known = {topic: read_ledger(self.ledger.folder, topic) for topic in {at.topic for at in found}}
        for at, offset in found.items():
            written = known[at.topic].get(at.partition, {}).values()
            if not any(OffsetRanges.of_offsets([offset]) & offsets for offsets in written):
                self.ledger.acknowledge(at.topic, at.partition, offset, f"redriven:{at}")

    def _end_redriven(self, new_offsets: Mapping[Coordinates, int]) -> None:
        self.ledger.sync()
        if new_offsets:
            self.audit.write(REDRIVEN, new_offsets, to_offsets={str(at): to for at, to in new_offsets.items()})
            self.dispositions.end(REDRIVEN, dict(new_offsets))


def send(
    bootstrap_servers: str, messages: Iterable[QuarantinedMessage]
) -> tuple[dict[Coordinates, int], dict[Coordinates, str]]:
    """Produce messages to where they came from, oldest first: new offsets, and why others have none."""
    offsets: dict[Coordinates, int] = {}
    failed: dict[Coordinates, str] = {}
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "client.id": "fraud-stream-redrive",
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": DELIVERY_SECONDS * 1000,
            # the topic has the last word about what is too large
            "message.max.bytes": LARGEST_MESSAGE_BYTES,
            "log_level": 2,
        }
    )

    def delivered(at: Coordinates, error: KafkaError | None, message: Message) -> None:
        offset = message.offset()
        if error is None and offset is not None:
            offsets[at] = offset
        else:
            failed[at] = f"was not sent: {error.str() if error else 'the broker did not say where it put it'}"

    for message in sorted(messages, key=lambda one: (one.kafka_timestamp, one.coordinates)):
        at = message.coordinates
        try:
            producer.produce(
                at.topic,
                message.payload,
                key=message.key,
                partition=at.partition,
                headers=[(ORIGIN_HEADER, str(at).encode())],
                on_delivery=partial(delivered, at),
            )
        except KafkaException as error:
            # too large even for this client: the others of the batch are sent all the same
            failed[at] = f"was not sent: {error.args[0].str()}"
        producer.poll(0)
    producer.flush(DELIVERY_SECONDS + 5)
    return offsets, failed


def find_copies(bootstrap_servers: str, topic: str, partition: int, begin: int, end: int) -> dict[str, int]:
    """Offsets in ``[begin, end)`` of redriven messages, by the coordinates that their headers name.

    Raises:
        BrokerError: Kafka does not answer.
    """
    copies: dict[str, int] = {}
    if begin >= end:
        return copies
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "fraud-stream-look",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "log_level": 2,
        }
    )
    heard = time.monotonic()
    try:
        consumer.assign([TopicPartition(topic, partition, begin)])
        while (position := consumer.position([TopicPartition(topic, partition)])[0].offset) < end:
            message = consumer.poll(1)
            if message is None:
                if time.monotonic() - heard > SILENT_SECONDS:
                    raise BrokerError(f"{topic} partition {partition} gives nothing at offset {max(position, begin)}")
                continue
            error, offset = message.error(), message.offset()
            if error is not None or offset is None:
                raise BrokerError(f"{topic} partition {partition} cannot be read: {error.str() if error else message}")
            heard = time.monotonic()
            origin = _origin(message)
            if origin is not None and offset < end:
                copies.setdefault(origin, offset)
    except KafkaException as error:
        raise BrokerError(f"{topic} partition {partition} cannot be read: {error.args[0].str()}") from error
    finally:
        consumer.close()
    return copies


def _origin(message: Message) -> str | None:
    """Where a message was before it was redriven; None for every other message."""
    headers: Sequence[tuple[str, bytes | None]] = list(message.headers() or ())  # type: ignore[arg-type]
    for name, value in headers:
        if name == ORIGIN_HEADER and value is not None:
            return value.decode("utf-8", "replace")
    return None


def _batches(coordinates: Sequence[Coordinates]) -> Iterable[Sequence[Coordinates]]:
    for start in range(0, len(coordinates), BATCH):
        yield coordinates[start : start + BATCH]
