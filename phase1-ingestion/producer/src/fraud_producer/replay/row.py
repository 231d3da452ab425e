"""One row of somebody's file."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A data row: its number (1 is the first), its first line in the file, and its values by column.

    ``problem`` says why the row has no values, where it cannot be told apart into columns.
    """

    number: int
    line: int
    values: dict[str, Any]
    problem: str = ""
