"""One labelled case of a fraud scenario, made for a chosen moment and sent into running traffic."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fraud_producer.simulator.config import DAY_US, day_of
from fraud_producer.simulator.labels import Label, confirmed
from fraud_producer.simulator.payments import Payments, in_time_order, join
from fraud_producer.simulator.randomness import Purpose, generator
from fraud_producer.simulator.scenarios import Stage, one_episode
from fraud_producer.simulator.simulation import World

# An analyst looks at an injected case soon after it.
DISPOSITION_US: Final = 3_600_000_000
MAX_SEED: Final = 2**31


@dataclass(frozen=True, slots=True)
class Injection:
    """A case: its payments in the order of time with their ids, and one label for each fraud."""

    payments: Payments
    ids: list[str]
    labels: list[Label]


def inject(world: World, name: str, moment_us: int, seed: int, victim: int | None = None) -> Injection:
    """One episode of the scenario called ``name`` that begins at ``moment_us``; the same arguments give the same case.

    A case brings the honest payments along that it needs to be seen as what it is: who is robbed at an impossible
    distance has just paid at home. Its ids are no other payment's. It is over within two days, mostly within hours, and
    each fraud is confirmed by an analyst an hour after the last payment.

    Args:
        world: the populations.
        name: of the scenario.
        moment_us: when the case begins, in microseconds since 1970.
        seed: of everything else.
        victim: the position of a user who is to be among the victims, or who does it himself where there are none.

    Raises:
        ValueError: there is no such scenario or user, or the seed is out of its range.
    """
    if not 0 <= seed < MAX_SEED:
        raise ValueError(f"seed is {seed}: use 0 to {MAX_SEED - 1}")
    if victim is not None and not 0 <= victim < len(world.users):
        raise ValueError(f"victim is {victim}: use 0 to {len(world.users) - 1}")
    day = day_of(moment_us)
    rng = generator(seed, Purpose.INJECTION)
    bare = Stage(rng, world.config, world.users, world.merchants, day, Payments.empty(), moment_us, victim)
    stage = replace(bare, honest=_just_paid(bare, moment_us))
    fraud = one_episode(stage, name)
    context = stage.honest.take(np.isin(stage.honest.user, fraud.user))
    payments = in_time_order(join([context, fraud]), day * DAY_US, stage.ends_us)
    prefix = f"S-{name}-{moment_us}-{seed}"
    ids = [f"{prefix}-{number:03d}" for number in range(len(payments))]
    known = int(payments.event_time[-1]) + DISPOSITION_US
    labels = confirmed(payments, ids, world.users, world.merchants, known)
    return Injection(payments, ids, labels)


def _just_paid(stage: Stage, moment_us: int) -> Payments:
    """One honest payment in a shop near home."""
    user = stage.victims(1)
    merchant = stage.shops(stage.users.country[user], cash=False)
    paid = stage.till_payments(
        np.zeros(1, dtype=np.int64),
        user,
        np.array([moment_us], dtype=np.int64),
        merchant,
        stage.usual_cents(user, merchant, np.ones(1)),
        stage.users.latitude[user],
        stage.users.longitude[user],
    )
    paid.latitude = stage.users.latitude[user]
    return paid
