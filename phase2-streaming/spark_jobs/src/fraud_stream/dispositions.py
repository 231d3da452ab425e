"""What has become of quarantined messages: an append-only Delta table beside Bronze, written by Trino only.

Quarantine is history: its rows are never rewritten, and only Spark writes its prefix. So decisions about them live in a
schema of their own. A decision is two rows. First a claim, one per message and attempt: of two people who decide at
the same moment, one gets it, because Delta refuses the second of two commits that read the same table. Then the end,
written by whoever holds the claim once the message was sent again or given up. A claim without an end is somebody who
is at work, or somebody who died: then nobody knows whether the message was sent, until the topic was looked through.
"""

import getpass
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fraud_contracts import CATALOG
from fraud_stream.coordinates import IS_ONE_OF, Coordinates, as_parameter
from fraud_stream.errors import DispositionError, LakehouseError
from fraud_stream.lakehouse import Lakehouse
from fraud_stream.process_identity import ProcessIdentity, machine
from fraud_stream.streams import Layout

SCHEMA: Final = "operations"
TABLE: Final = "quarantine_dispositions"

CLAIMED: Final = "claimed"
REDRIVEN: Final = "redriven"
DISCARDED: Final = "discarded"

# how Trino says that another commit came first
CONFLICTS: Final = ("TRANSACTION_CONFLICT", "Failed to write Delta Lake transaction log entry")
# between attempts to write down an end
PATIENCE_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
_COLUMNS: Final = (
    "_topic varchar, _partition integer, _offset bigint, attempt integer, step varchar, "
    "search_from bigint, to_offset bigint, "
    "who varchar, why varchar, run varchar, machine varchar, pid bigint, start_ticks bigint"
)


class _ConflictError(LakehouseError):
    """Somebody else wrote to the table since it was read, and nothing of ours was written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody began to decide about a message, as attempt number ``attempt`` (from 1)."""

    attempt: int
    # the topic's end before anything was sent: a copy can only lie behind it; None when nothing was to be sent
    search_from: int | None
    who: str
    run: str
    machine: str
    process: ProcessIdentity

    @property
    def is_elsewhere(self) -> bool:
        """Whether it was made on a machine (or in a container) whose processes cannot be seen from here."""
        return self.machine != machine()

    @property
    def is_alive(self) -> bool:
        """Whether the process that made it still runs; ask only where it is not elsewhere."""
        return self.process.is_alive()


@dataclass(frozen=True, slots=True)
class Disposition:
    """Everything that was written down about one message."""

    claims: tuple[Claim, ...] = ()
    # REDRIVEN or DISCARDED, None while nothing is decided
    end: str | None = None
    # where the message went when it was redriven; the partition is always its own
    to_offset: int | None = None

    @property
    def next_attempt(self) -> int:
        return 1 + max((claim.attempt for claim in self.claims), default=0)

    @property
    def search_from(self) -> int | None:
        """First offset at which a copy may lie that a dead process sent; None when none can have been sent."""
        return min((claim.search_from for claim in self.claims if claim.search_from is not None), default=None)


@dataclass(slots=True)
class Dispositions:
    """The table of one namespace, as one run of a command sees and writes it."""

    lakehouse: Lakehouse
    layout: Layout
    # names this run, as its ledger's file does
    run: str
    why: str = ""
    _identity: ProcessIdentity = field(default_factory=ProcessIdentity.own)

    @property
    def table(self) -> str:
        """Full name in Trino."""
        return f"{CATALOG}.{SCHEMA}.{self.layout.namespace}{TABLE}"

    def prepare(self) -> None:
        """Create the table where it is missing."""
        location = f"s3://{self.layout.bucket}/{SCHEMA}"
        self.lakehouse.query(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{SCHEMA} WITH (location = '{location}')")
        columns = f"{_COLUMNS}, at timestamp(3) with time zone"
        self.lakehouse.query(f"CREATE TABLE IF NOT EXISTS {self.table} ({columns})")

    def of(self, coordinates: Sequence[Coordinates]) -> dict[Coordinates, Disposition]:
        """What is known of each message."""
        rows = self.lakehouse.query(
            f"""
            SELECT
                _topic, _partition, _offset, attempt, step, search_from, to_offset,
                who, run, machine, pid, start_ticks
            FROM {self.table}
            WHERE {IS_ONE_OF}
            """,  # noqa: S608 - names are ours, values are parameters
            [as_parameter(coordinates)],
        )
        found = {one: Disposition() for one in coordinates}
        for topic, partition, offset, attempt, step, search_from, to_offset, *writer in rows:
            at = Coordinates(topic, partition, offset)
            known = found[at]
            if step == CLAIMED:
                who, run, where, pid, ticks = writer
                claim = Claim(attempt, search_from, who, run, where, ProcessIdentity(pid, ticks))
                found[at] = Disposition((*known.claims, claim), known.end, known.to_offset)
            else:
                found[at] = Disposition(known.claims, step, to_offset)
        return found

    def claim(self, attempts: Mapping[Coordinates, int], search_from: Mapping[Coordinates, int]) -> set[Coordinates]:
        """Claim messages, each under the number of its attempt; the messages that are ours now.

        A message is left out when somebody else has claimed it since its number was read. Nothing may be sent for it.

        Raises:
            DispositionError: somebody else wrote at the same moment, and nothing is claimed.
        """
        claims = [
            {**_json(at), "attempt": attempt, "step": CLAIMED, "search_from": search_from.get(at)}
            for at, attempt in attempts.items()
        ]
        try:
            self._add(claims, f"old.attempt = new.attempt AND old.step = '{CLAIMED}'")
        except _ConflictError as error:
            raise DispositionError(
                "somebody else decides about quarantined messages at this moment; nothing was sent, run it again"
            ) from error
        known = self.of(list(attempts))
        ours = set()
        for at, attempt in attempts.items():
            holders = [claim.run for claim in known[at].claims if claim.attempt == attempt]
            if holders == [self.run] and known[at].end is None:
                ours.add(at)
        return ours

    def end(self, step: str, offsets: Mapping[Coordinates, int | None]) -> None:
        """Write down how it ended, for messages that this run has claimed: the offset that each went to, or None."""
        if not offsets:
            return
        ends = [{**_json(at), "step": step, "to_offset": to_offset} for at, to_offset in offsets.items()]
        for patience in (*PATIENCE_SECONDS, None):
            try:
                self._add(ends, f"old.step <> '{CLAIMED}'")
            except _ConflictError:
                # whoever was first had another message in mind: this one is ours
                if patience is None:
                    raise
                time.sleep(patience)
            else:
                return

    def _add(self, rows: Iterable[dict[str, Any]], already: str) -> None:
        """Add rows, but for those whose message has a row for which ``already`` is true: repeating it adds nothing."""
        names = [column.split()[0] for column in _COLUMNS.split(", ")]
        try:
            self.lakehouse.query(
                f"""
                MERGE INTO {self.table} AS old
                USING (SELECT * FROM UNNEST(CAST(json_parse(?) AS array(row({_COLUMNS}))))) AS new
                ON old._topic = new._topic AND old._partition = new._partition AND old._offset = new._offset
                    AND {already}
                WHEN NOT MATCHED THEN INSERT ({", ".join(names)}, at)
                VALUES ({", ".join(f"new.{name}" for name in names)}, current_timestamp(3))
                """,  # noqa: S608 - names and conditions are ours, values are parameters
                [self._signed(rows)],
            )
        except LakehouseError as error:
            if any(name in str(error) for name in CONFLICTS):
                raise _ConflictError(str(error)) from error
            raise

    def _signed(self, rows: Iterable[dict[str, Any]]) -> str:
        signature = {
            "who": getpass.getuser(),
            "why": self.why,
            "run": self.run,
            "machine": machine(),
            "pid": self._identity.pid,
            "start_ticks": self._identity.start_ticks,
        }
        return json.dumps([{**row, **signature} for row in rows])


def _json(at: Coordinates) -> dict[str, Any]:
    return {"_topic": at.topic, "_partition": at.partition, "_offset": at.offset}
