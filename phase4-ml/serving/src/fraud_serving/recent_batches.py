"""Which calls of the recent-events script a batch needs: the ones whose effect would last."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from fraud_features import Login, ScriptCall, Transaction, login_call, recent_call
from fraud_features.features import WINDOW_ENTITIES, longest_login_window, longest_window
from fraud_features.redis_layout import LOGIN, SLACK_US

Event = TypeVar("Event", Transaction, Login)

# Below this a batch is live traffic, where next to nothing is superseded.
BULK_SIZE = 1_000
_RETENTION_US = {entity: longest_window(entity).us + SLACK_US for entity in WINDOW_ENTITIES} | {
    LOGIN: longest_login_window().us + SLACK_US
}
_HEAD = 5  # arguments of the script before those of each entity
_PER_ENTITY = 3


def payment_calls(batch: Sequence[Transaction]) -> Iterator[ScriptCall]:
    """Calls that leave Redis as adding all payments of the batch would, in the batch's order."""
    return _calls(batch, WINDOW_ENTITIES, lambda transaction: recent_call(transaction, "add"))


def login_calls(batch: Sequence[Login]) -> Iterator[ScriptCall]:
    """The same for logins."""
    return _calls(batch, (LOGIN,), login_call)


def _calls(
    batch: Sequence[Event], kinds: tuple[str, ...], call_of: Callable[[Event], ScriptCall]
) -> Iterator[ScriptCall]:
    """Only the calls whose effect would last.

    The script drops what is older than an entity's newest event minus the retention, and remembers the newest event it
    dropped. So, of the events that their own batch already supersedes, only that newest one is worth a write.
    """
    if len(batch) < BULK_SIZE:
        yield from map(call_of, batch)
        return
    newest: dict[tuple[str, str], int] = {}
    for event in batch:
        for key in _entities(event, kinds):
            if event.event_us > newest.get(key, -1):
                newest[key] = event.event_us
    newest_dropped: dict[tuple[str, str], int] = {}
    for event in batch:
        for key in _entities(event, kinds):
            if _is_superseded(event.event_us, key, newest) and event.event_us > newest_dropped.get(key, -1):
                newest_dropped[key] = event.event_us
    for event in batch:
        wanted = [
            not _is_superseded(event.event_us, key, newest) or newest_dropped[key] == event.event_us
            for key in _entities(event, kinds)
        ]
        if any(wanted):
            call = call_of(event)
            yield call if all(wanted) else _only(call, wanted)


def _entities(event: Transaction | Login, kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for kind in kinds:
        entity_id = event.entity_id(kind)
        if entity_id is not None:
            yield kind, entity_id


def _is_superseded(event_us: int, key: tuple[str, str], newest: dict[tuple[str, str], int]) -> bool:
    return event_us <= newest[key] - _RETENTION_US[key[0]]


def _only(call: ScriptCall, wanted: Sequence[bool]) -> ScriptCall:
    """The call without the entities that are not wanted."""
    kept = [position for position, is_wanted in enumerate(wanted) if is_wanted]
    keys = [key for position in kept for key in call.keys[2 * position : 2 * position + 2]]
    bounds = [
        argument
        for position in kept
        for argument in call.args[_HEAD + _PER_ENTITY * position : _HEAD + _PER_ENTITY * (position + 1)]
    ]
    entities = tuple(call.entities[position] for position in kept)
    return ScriptCall(tuple(keys), (*call.args[:_HEAD], *bounds), entities)
