"""Which calls of the recent-events script a batch of payments needs: the ones whose effect would last."""

from collections.abc import Iterator, Sequence

from fraud_features import ScriptCall, Transaction, recent_call
from fraud_features.features import WINDOW_ENTITIES, longest_window
from fraud_features.redis_layout import SLACK_US

# Below this a batch is live traffic, where next to nothing is superseded.
BULK_SIZE = 1_000
_RETENTION_US = {entity: longest_window(entity).us + SLACK_US for entity in WINDOW_ENTITIES}
_HEAD = 5  # arguments of the script before those of each entity
_PER_ENTITY = 3


def script_calls(batch: Sequence[Transaction]) -> Iterator[ScriptCall]:
    """Calls that leave Redis as adding the whole batch would, in the batch's order.

    The script drops what is older than an entity's newest event minus the retention, and remembers the newest event it
    dropped. So, of the events that their own batch already supersedes, only that newest one is worth a write.
    """
    if len(batch) < BULK_SIZE:
        yield from (recent_call(transaction, "add") for transaction in batch)
        return
    newest: dict[tuple[str, str], int] = {}
    for transaction in batch:
        for key in _entities(transaction):
            if transaction.event_us > newest.get(key, -1):
                newest[key] = transaction.event_us
    newest_dropped: dict[tuple[str, str], int] = {}
    for transaction in batch:
        for key in _entities(transaction):
            if _is_superseded(transaction, key, newest) and transaction.event_us > newest_dropped.get(key, -1):
                newest_dropped[key] = transaction.event_us
    for transaction in batch:
        wanted = [
            not _is_superseded(transaction, key, newest) or newest_dropped[key] == transaction.event_us
            for key in _entities(transaction)
        ]
        if any(wanted):
            call = recent_call(transaction, "add")
            yield call if all(wanted) else _only(call, wanted)


def _entities(transaction: Transaction) -> Iterator[tuple[str, str]]:
    for entity in WINDOW_ENTITIES:
        entity_id = transaction.entity_id(entity)
        if entity_id is not None:
            yield entity, entity_id


def _is_superseded(transaction: Transaction, key: tuple[str, str], newest: dict[tuple[str, str], int]) -> bool:
    return transaction.event_us <= newest[key] - _RETENTION_US[key[0]]


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
