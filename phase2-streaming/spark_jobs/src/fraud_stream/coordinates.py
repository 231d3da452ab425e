"""Where a message lies: topic, partition and offset, written ``topic-partition-offset`` as the dead letters' keys."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from fraud_stream.errors import SelectionError

# SQL condition on a table with ledger columns: its row lies at one of the places that the parameter names
IS_ONE_OF: Final = (
    "(_topic, _partition, _offset) IN (SELECT t, p, o "
    "FROM UNNEST(CAST(json_parse(?) AS array(row(varchar, integer, bigint)))) AS wanted (t, p, o))"
)
# what is added to them where a message's own key is encrypted, and not its value
OF_THE_KEY: Final = "-key"
_WRITTEN = re.compile(r"(?P<topic>.+)-(?P<partition>\d+)-(?P<offset>\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Coordinates:
    """The place of one message; the broker never gives it to another one."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The coordinates that ``text`` writes.

        Raises:
            SelectionError: it does not look like coordinates.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise SelectionError(f"{text!r} is not topic-partition-offset, for example transactions.raw-3-1704")
        return cls(found["topic"], int(found["partition"]), int(found["offset"]))

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"


def as_parameter(coordinates: Iterable[Coordinates]) -> str:
    """What :data:`IS_ONE_OF` takes."""
    return json.dumps([[one.topic, one.partition, one.offset] for one in coordinates])
