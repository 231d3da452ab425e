"""What happens to cards: issued, put into a wallet, PINs mistyped, lost, blocked after a fraud is known, replaced.

A replaced card keeps its hash, as a card token does when only the plastic changes: the owner's payments go on under it.
"""

from typing import Final

import numpy as np

from fraud_producer.events import decimal_bytes
from fraud_producer.simulator.circumstances import phones
from fraud_producer.simulator.config import DAY_US, day_of
from fraud_producer.simulator.geography import Ints
from fraud_producer.simulator.kinds.day import HOUR_US, MINUTE_US, NEVER, SECOND_US, Day, Victims, own_phones
from fraud_producer.simulator.kinds.places import country_codes
from fraud_producer.simulator.kinds.rows import Objects, Part, same, spread, texts
from fraud_producer.simulator.payments import FRAUD_CODE_START, Channel, device_ids
from fraud_producer.simulator.scenarios import SCENARIOS
from fraud_producer.simulator.scenarios.stage import steps

# Honest events at CARD_RATE=1: wallets per new phone, wrong PINs per payment at a till, blocks per payment abroad.
WALLETS_PER_PHONE: Final = 0.6
WRONG_PINS_PER_PAYMENT: Final = 0.006
BLOCKS_PER_PAYMENT_ABROAD: Final = 0.004
# Per card and day: a new PIN, another limit, a loss, the end of four years.
NEW_PINS: Final = 0.0008
NEW_LIMITS: Final = 0.0006
LOSSES: Final = 0.00012
RENEWALS: Final = 1 / 1460
# How many of those frauds that became known end with a blocked card, how much later, and when the new one comes.
BLOCKED_SHARE: Final = 0.8
BLOCKED_HOURS: Final = (0.1, 36.0)
REPLACED_DAYS: Final = (2.0, 6.0)
# Whose card was in somebody else's hand: it is reported stolen, and its PIN is guessed at first.
STOLEN_CARD: Final = frozenset({"velocity_burst"})
GUESSED_PIN_SHARE: Final = 0.3
# Who has taken the account over puts the card into a wallet of his own.
TAKES_WALLET: Final = frozenset({"account_takeover", "brute_force_login"})
TAKES_WALLET_SHARE: Final = 0.3
# Who means to vanish asks for a higher limit first.
RAISES_LIMIT: Final = frozenset({"bust_out"})
# The merchant cheats, or the account is abused: a new card would help nobody.
CARD_IS_SAFE: Final = frozenset({"merchant_fraud", "mule_account", "structuring"})
_SCENARIOS: Final = frozenset(scenario.name for scenario in SCENARIOS)


def card_events(rng: np.random.Generator, day: Day) -> list[Part]:
    """All card events that follow from a day; on the world's first one, the cards that exist then."""
    parts = [
        _wallets(rng, day),
        _wrong_pins(rng, day),
        *_false_blocks(rng, day),
        *_changes(rng, day),
        *_losses(rng, day),
        *_renewals(rng, day),
        *card_events_of_fraud(rng, day),
    ]
    if day.day == day_of(day.config.start_us):
        parts.append(_issued(day))
    return parts


def card_events_of_fraud(rng: np.random.Generator, day: Day) -> list[Part]:
    """What the fraud of a day does to its victims' cards: before the first payment, and some time after it is known."""
    return [
        *_guessed_pins(rng, day, day.victims.of(STOLEN_CARD)),
        *_taken_wallets(rng, day, day.victims.of(TAKES_WALLET)),
        *_raised_limits(rng, day, day.victims.of(RAISES_LIMIT)),
        *_blocks(rng, day, day.victims.of(STOLEN_CARD), "STOLEN", "REPORTED_BY_CUSTOMER"),
        *_blocks(rng, day, day.victims.of(_SCENARIOS - STOLEN_CARD - CARD_IS_SAFE), "BLOCKED", "FRAUD"),
    ]


def mistyped_pins(day: Day, user: Ints, moment: Ints) -> Part:
    """These users mistype the PIN of their first card."""
    return _part(day, moment, moment, user, np.zeros(len(user), dtype=np.int64), "PIN_FAILED", reason="WRONG_PIN")


def _issued(day: Day) -> Part:
    """The cards that are in use when the world begins, a microsecond apart."""
    user, card = _cards_in_use(day)
    moment = day.config.start_us + np.arange(len(user), dtype=np.int64)
    return _part(day, moment, moment, user, card, "ISSUED", limit=_limits(day, user), reason="IN_USE_AT_START")


def _wallets(rng: np.random.Generator, day: Day) -> Part:
    """Cards put into the wallet of a phone that is new today."""
    count = len(day.users)
    phone = phones(day.config.seed, count, day.day)
    is_new = np.flatnonzero(phone != phones(day.config.seed, count, day.day - 1))
    user = np.repeat(is_new, rng.poisson(day.config.card_rate * WALLETS_PER_PHONE, len(is_new)))
    moment = day.start_us + spread(rng, 7, 22, len(user), HOUR_US)
    device = own_phones(day, user)
    return _part(day, moment, moment, user, np.zeros(len(user), dtype=np.int64), "WALLET_ADDED", device=device)


def _wrong_pins(rng: np.random.Generator, day: Day) -> Part:
    """Somebody mistypes before he pays."""
    paid = day.payments
    rows = np.flatnonzero((paid.scenario == 0) & ((paid.channel == Channel.POS) | (paid.channel == Channel.ATM)))
    row = np.repeat(rows, rng.poisson(day.config.card_rate * WRONG_PINS_PER_PAYMENT, len(rows)))
    moment = paid.event_time[row] - spread(rng, 8, 50, len(row), SECOND_US)
    return _at_payment(day, row, moment, "PIN_FAILED", reason="WRONG_PIN")


def _false_blocks(rng: np.random.Generator, day: Day) -> list[Part]:
    """The bank blocks a traveller's card after a payment, and lets it go when he calls."""
    paid = day.payments
    abroad = paid.place != day.users.country[paid.user]
    rows = np.flatnonzero((paid.scenario == 0) & abroad)
    row = np.repeat(rows, rng.poisson(day.config.card_rate * BLOCKS_PER_PAYMENT_ABROAD, len(rows)))
    blocked = paid.event_time[row] + spread(rng, 2, 60, len(row), SECOND_US)
    freed = blocked + spread(rng, 10, 300, len(row), MINUTE_US)
    return [
        _at_payment(day, row, blocked, "BLOCKED", reason="UNUSUAL_PAYMENT"),
        _at_payment(day, row, freed, "UNBLOCKED", reason="CONFIRMED_BY_CUSTOMER"),
    ]


def _changes(rng: np.random.Generator, day: Day) -> list[Part]:
    """New PINs and new limits."""
    user, card, moment = _some_cards(rng, day, NEW_PINS)
    pins = _part(day, moment, moment, user, card, "PIN_CHANGED", reason="CUSTOMER")
    user, card, moment = _some_cards(rng, day, NEW_LIMITS)
    limit = _scaled(_limits(day, user), rng.choice([0.5, 1.5, 2.0], len(user)))
    return [pins, _part(day, moment, moment, user, card, "LIMIT_CHANGED", limit=limit, reason="CUSTOMER")]


def _losses(rng: np.random.Generator, day: Day) -> list[Part]:
    """Cards that their owners miss, honestly, and their successors."""
    user, card, moment = _some_cards(rng, day, LOSSES)
    replaced = moment + spread(rng, *REPLACED_DAYS, len(user), DAY_US)
    return [
        _part(day, moment, moment, user, card, "LOST", reason="REPORTED_BY_CUSTOMER"),
        _part(day, replaced, moment, user, card, "REPLACED", limit=_limits(day, user), reason="LOST"),
    ]


def _renewals(rng: np.random.Generator, day: Day) -> list[Part]:
    """Cards whose four years are over, some days after the new one came."""
    user, card, moment = _some_cards(rng, day, RENEWALS)
    expired = moment + spread(rng, 5, 20, len(user), DAY_US)
    return [
        _part(day, moment, moment, user, card, "REPLACED", limit=_limits(day, user), reason="RENEWAL"),
        _part(day, expired, moment, user, card, "EXPIRED", reason="RENEWAL"),
    ]


def _guessed_pins(rng: np.random.Generator, day: Day, victims: Victims) -> list[Part]:
    """The thief tries a PIN or two first."""
    count = len(victims)
    victim, number = steps(np.where(rng.random(count) < GUESSED_PIN_SHARE, rng.integers(1, 3, count), 0))
    moment = victims.first_us[victim] - (number + 1) * spread(rng, 15, 60, len(victim), SECOND_US)
    return [_at_payment(day, victims.first[victim], moment, "PIN_FAILED", reason="WRONG_PIN")]


def _taken_wallets(rng: np.random.Generator, day: Day, victims: Victims) -> list[Part]:
    """The victim's card in the wallet of the device that pays a little later."""
    foreign = day.payments.device[victims.first] >= FRAUD_CODE_START
    takers = victims.take(foreign & (rng.random(len(victims)) < TAKES_WALLET_SHARE))
    moment = takers.first_us - spread(rng, 0.3, 1.8, len(takers), MINUTE_US)
    return [_at_payment(day, takers.first, moment, "WALLET_ADDED", with_device=True)]


def _raised_limits(rng: np.random.Generator, day: Day, victims: Victims) -> list[Part]:
    """Somebody who is going to vanish asks for a higher limit the day before."""
    moment = victims.first_us - spread(rng, 0.1, 0.9, len(victims), DAY_US)
    limit = _scaled(_limits(day, day.payments.user[victims.first]), rng.choice([2.0, 3.0], len(victims)))
    return [_at_payment(day, victims.first, moment, "LIMIT_CHANGED", limit=limit, reason="CUSTOMER")]


def _blocks(rng: np.random.Generator, day: Day, victims: Victims, what: str, reason: str) -> list[Part]:
    """Cards that are blocked some time after the bank heard of the fraud, and their successors."""
    count = len(victims)
    noticed = rng.random(count) < BLOCKED_SHARE
    delay = spread(rng, *BLOCKED_HOURS, count, HOUR_US)
    wait = spread(rng, *REPLACED_DAYS, count, DAY_US)
    told = np.flatnonzero(noticed & (victims.known_us != NEVER))
    row, blocked = victims.first[told], victims.known_us[told] + delay[told]
    limits = _limits(day, day.payments.user[row])
    return [
        _at_payment(day, row, blocked, what, reason=reason),
        _at_payment(day, row, blocked + wait[told], "REPLACED", limit=limits, reason=reason),
    ]


def _cards_in_use(day: Day) -> tuple[Ints, Ints]:
    """Users and positions of their cards: everybody's first one, and the second one of those who use it."""
    everybody = np.arange(len(day.users), dtype=np.int64)
    second = np.flatnonzero(day.users.second_card_share > 0)
    card = np.concatenate([np.zeros(len(everybody), dtype=np.int64), np.ones(len(second), dtype=np.int64)])
    return np.concatenate([everybody, second]), card


def _some_cards(rng: np.random.Generator, day: Day, per_day: float) -> tuple[Ints, Ints, Ints]:
    """Users, cards and moments of something that happens to a card so many times a day, by daylight."""
    user, card = _cards_in_use(day)
    rows = rng.integers(0, len(user), int(rng.poisson(day.config.card_rate * per_day * len(user))))
    return user[rows], card[rows], day.start_us + spread(rng, 7, 22, len(rows), HOUR_US)


def _limits(day: Day, user: Ints) -> Ints:
    """Cents that these users' cards may spend in a month: whole hundreds, by income."""
    euros = 1500 * np.exp(day.users.spending[user])
    hundreds: Ints = np.round(euros / 100).clip(3, 500).astype(np.int64)
    return hundreds * 10_000


def _scaled(cents: Ints, factor: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Ints:
    hundreds: Ints = np.round(cents * factor / 10_000).clip(1, 1500).astype(np.int64)
    return hundreds * 10_000


def _at_payment(
    day: Day,
    row: Ints,
    moment: Ints,
    what: str,
    *,
    limit: Ints | None = None,
    reason: str | None = None,
    with_device: bool = False,
) -> Part:
    """Events of the cards that made these payments, on their account."""
    paid = day.payments.take(row)
    device = paid.device if with_device else None
    part = _part(day, moment, paid.event_time, paid.user, paid.card, what, limit=limit, reason=reason, device=device)
    if what == "PIN_FAILED":
        part["merchant_id"] = texts(day.merchants.ids)[paid.merchant]
        part["country"] = country_codes(paid.place)
    return part


def _part(
    day: Day,
    moment: Ints,
    cause: Ints,
    user: Ints,
    card: Ints,
    what: str,
    *,
    limit: Ints | None = None,
    reason: str | None = None,
    device: Ints | None = None,
) -> Part:
    count = len(user)
    users = day.users
    part: Part = {
        "event_time": moment,
        "cause_us": cause,
        "user_id": texts(users.ids)[user],
        "event_type": same(what, count),
        "card_hash": _of_card(users.card_hashes, user, card),
        "card_bin": _of_card(users.card_prefixes, user, card),
        "account_id": texts(users.account_ids)[user],
        "reason": same(reason, count),
    }
    if device is not None:
        part["device_id"] = texts(device_ids(device))
    if limit is not None:
        part["limit_amount"] = texts([decimal_bytes(cents) for cents in limit.tolist()])
    return part


def _of_card(values: tuple[tuple[str, ...], ...], user: Ints, card: Ints) -> Objects:
    return texts([values[owner][position] for owner, position in zip(user.tolist(), card.tolist(), strict=True)])
