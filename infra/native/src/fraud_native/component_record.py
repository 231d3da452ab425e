"""``components.json``: which services were started, in which version, and how long each took to answer."""

import json
from collections.abc import Iterable
from typing import Any

from fraud_native import definition
from fraud_native.bringup import Ready
from fraud_native.paths import Stack


def read_record(stack: Stack) -> list[dict[str, Any]]:
    """Entries with ``name``, ``version`` and ``seconds_to_healthy``, in the order of the compose file."""
    file = stack.run / "components.json"
    entries: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return entries


def update_record(stack: Stack, ready: Iterable[Ready]) -> None:
    """Adds what a bring-up started; a service that ran already keeps the seconds of its own start."""
    known = {entry["name"]: entry for entry in read_record(stack)}
    for one in ready:
        if not one.one_shot and not (one.already and one.name in known):
            known[one.name] = {"name": one.name, "version": one.version, "seconds_to_healthy": round(one.seconds, 1)}
    ordered = [known[name] for name in definition.services() if name in known]
    (stack.run / "components.json").write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
