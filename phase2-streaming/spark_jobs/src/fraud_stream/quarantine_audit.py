"""Who looked at quarantined messages or decided about them, when, and why: a JSON object a line, only ever appended."""

import getpass
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fraud_stream.coordinates import Coordinates


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The log of one command that a person gave, with the reason that person gave for it."""

    path: Path
    why: str
    # which messages the person asked for
    wanted: dict[str, Any]

    def write(self, action: str, messages: Iterable[Coordinates], **more: Any) -> None:
        """Append one line; it is on the disk when this returns. Call it before the action becomes visible."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        entry = {
            "at": datetime.now(UTC).isoformat(),
            "who": getpass.getuser(),
            "why": self.why,
            "action": action,
            "wanted": self.wanted,
            "messages": [str(one) for one in messages],
            **more,
        }
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
            log.flush()
            os.fsync(log.fileno())
