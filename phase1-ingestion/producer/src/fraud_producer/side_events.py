"""Messages beside a world's own sequence: injected cases, and alerts that react to payments just sent.

They are recognised by their ids, because how far the topics hold the world is read from its own messages only.
"""

import re
from typing import Final

# <letter of the kind>-<what it is>-<moment in microseconds>-<a number>, and what follows
_SIDE_ID: Final = re.compile(r"[A-Z]-[a-z_]+-[0-9]{1,17}-[0-9]+(-|$)")


def is_side_id(event_id: str) -> bool:
    """Whether an id is that of a message beside the sequence."""
    return _SIDE_ID.match(event_id) is not None


def side_id(letter: str, name: str, moment_us: int, number: int) -> str:
    """How the ids of an injected case or of a reactive alert begin, such as ``R-velocity-1772000000000000-7``."""
    return f"{letter}-{name}-{moment_us}-{number}"
