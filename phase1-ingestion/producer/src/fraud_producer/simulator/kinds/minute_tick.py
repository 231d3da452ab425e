"""The minute tick: at least one event of each kind in every minute of the simulated clock.

What a minute lacks is filled in its last microsecond with something that happens to somebody every day: a payment, a
finding that a payment was honest, a sign-in, a mistyped PIN, a verified profile, a notice about a merchant. Ids such as
``T20261121-m0042`` name the minute of the day, so that a minute is filled the same way whoever asks for it.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from fraud_contracts import TRANSACTIONS
from fraud_producer.events import Event
from fraud_producer.simulator.behaviour import pay
from fraud_producer.simulator.config import DAY_US, date_of
from fraud_producer.simulator.geography import Ints
from fraud_producer.simulator.kinds.day import MINUTE_US, Day, Victims
from fraud_producer.simulator.kinds.derivation import KINDS
from fraud_producer.simulator.kinds.rows import rows_of, texts
from fraud_producer.simulator.labels import Label
from fraud_producer.simulator.payments import Payments, records
from fraud_producer.simulator.randomness import Purpose, generator
from fraud_producer.simulator.scenarios import SCENARIOS
from fraud_producer.simulator.simulation import Block, World, label_event

MINUTES_A_DAY: Final = DAY_US // MINUTE_US


def tick_events(world: World, block: Block) -> list[Event]:
    """What the whole minutes of a block lack, in the order of time; kinds that the world does not have are left out."""
    day_us = block.day * DAY_US
    # a minute that is begun at either end would look as if it lacked what lies outside; whoever goes on within a minute
    # has sent what it lacked of every kind whose last event lies in it
    first, end = -(-(block.begins_us - day_us) // MINUTE_US), (block.ends_us - day_us) // MINUTE_US
    asked = np.arange(first, end, dtype=np.int64)
    # drawn for the whole day, whatever part of it was asked for
    rng = generator(world.config.seed, Purpose.TICKS, block.day)
    who = rng.integers(0, len(world.users), MINUTES_A_DAY)
    last_us = day_us + (np.arange(MINUTES_A_DAY, dtype=np.int64) + 1) * MINUTE_US - 1
    paid = pay(rng, world.config, world.users, world.merchants, block.day, who, last_us)
    date = f"{date_of(block.day):%Y%m%d}"
    names = [f"{date}-m{minute:04d}" for minute in range(MINUTES_A_DAY)]

    missing = _missing(asked, block, block.payments.event_time)
    ids = [f"T{names[minute]}" for minute in missing.tolist()]
    filled = paid.take(missing)
    found = [
        Event(TRANSACTIONS, record["event_time"], record["transaction_id"], record["user_id"], record)
        for record in records(filled, ids, world.users, world.merchants)
    ]
    missing = _missing(asked, block, np.array([label.known_us for label in block.labels], dtype=np.int64))
    for minute in missing.tolist():
        label = _finding(world, block, paid, minute, names[minute])
        found.append(label_event(label))
    day = Day(world.config, world.users, world.merchants, block.day, Payments.empty(), Victims.none())
    for kind in KINDS:
        if not kind.rate(world.config):
            continue
        times = [rows.event_time for rows in block.rows if rows.topic is kind.topic]
        missing = _missing(asked, block, np.concatenate([*times, np.zeros(0, dtype=np.int64)]))
        # another user per kind
        users = (who[missing] + ord(kind.letter)) % len(world.users)
        rows = rows_of(kind.topic, "", [kind.of_minute(day, users, last_us[missing])])
        own_ids = texts([f"{kind.letter}{names[minute]}" for minute in missing.tolist()])
        found += replace(rows, ids=own_ids).events()
    return sorted(found, key=lambda event: (event.event_us, event.topic.name))


def _missing(asked: Ints, block: Block, event_time: Ints) -> Ints:
    """Minutes of the day, of those asked for, in which none of these events lies."""
    return np.setdiff1d(asked, (event_time - block.day * DAY_US) // MINUTE_US)


def _finding(world: World, block: Block, paid: Payments, minute: int, name: str) -> Label:
    """What an analyst finds about the minute's last payment, an honest one if there is one, or about the filled one."""
    payments, ids = block.payments, block.ids
    begins = block.day * DAY_US + minute * MINUTE_US
    low, high = payments.event_time.searchsorted([begins, begins + MINUTE_US])
    honest = low + np.flatnonzero(payments.scenario[low:high] == 0)
    if low == high:
        payments, row, transaction_id = paid, minute, f"T{name}"
    else:
        row = int(honest[-1]) if len(honest) else int(high) - 1
        transaction_id = ids[row]
    scenario = int(payments.scenario[row])
    return Label(
        known_us=begins + MINUTE_US - 1,
        label_id=f"L{name}",
        transaction_id=transaction_id,
        transaction_us=int(payments.event_time[row]),
        user_id=world.users.ids[payments.user[row]],
        merchant_id=world.merchants.ids[payments.merchant[row]],
        is_fraud=scenario > 0,
        source="ANALYST",
        fraud_type=SCENARIOS[scenario - 1].name if scenario else None,
    )
