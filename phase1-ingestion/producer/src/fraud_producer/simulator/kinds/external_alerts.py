"""What card networks and other banks report, hours to weeks after it happened; some of it is wrong."""

from typing import Final

import numpy as np

from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.geography import Ints
from fraud_producer.simulator.kinds.day import HOUR_US, NEVER, Day, Victims
from fraud_producer.simulator.kinds.places import country_codes
from fraud_producer.simulator.kinds.rows import Objects, Part, pick, same, spread, texts
from fraud_producer.simulator.payments import address_hashes, device_ids

# Whose cards others see abused as well, how many of them, and how much later they say so.
CARD_IS_ABROAD: Final = frozenset(
    {"velocity_burst", "impossible_travel", "card_testing", "card_not_present_spike", "compromised_terminal"}
)
STOLEN_SHARE: Final = 0.3
STOLEN_HOURS: Final = (6.0, 96.0)
# A network finds a merchant by the victims that several banks report.
MERCHANT_IS_THE_PLACE: Final = frozenset({"compromised_merchant", "compromised_terminal", "merchant_fraud"})
MERCHANT_SHARE: Final = 0.12
MERCHANT_DAYS: Final = (1.0, 10.0)
IS_MULE: Final = frozenset({"mule_account"})
MULE_SHARE: Final = 0.5
MULE_DAYS: Final = (1.0, 12.0)
SHARES_DEVICE: Final = frozenset({"shared_device_ring", "account_takeover"})
DEVICE_SHARE: Final = 0.25
DEVICE_HOURS: Final = (12.0, 200.0)
ATTACKS: Final = frozenset({"account_takeover", "brute_force_login"})
ADDRESS_SHARE: Final = 0.25
ADDRESS_HOURS: Final = (2.0, 72.0)
# Wrong alerts: about honest cards per 1,000 users and day, and about honest merchants per day, at ALERT_RATE=1.
WRONG_CARDS: Final = 0.15
WRONG_MERCHANTS: Final = 0.06

_NETWORK: Final = {"card-network": 0.7, "consortium": 0.3}
_CONSORTIUM: Final = {"consortium": 0.8, "partner-bank": 0.2}
_CARD_DAYS: Final = 30
_OTHER_DAYS: Final = 90


def external_alerts(rng: np.random.Generator, day: Day) -> list[Part]:
    """All alerts that follow from a day, right and wrong."""
    return [_wrong_cards(rng, day), _wrong_merchants(rng, day), *external_alerts_of_fraud(rng, day)]


def external_alerts_of_fraud(rng: np.random.Generator, day: Day) -> list[Part]:
    """What others report about the fraud of a day."""
    return [
        _cards(rng, day, day.victims.of(CARD_IS_ABROAD)),
        _merchants(rng, day, day.victims.of(MERCHANT_IS_THE_PLACE)),
        _mules(rng, day, day.victims.of(IS_MULE)),
        _devices(rng, day, day.victims.of(SHARES_DEVICE)),
        _addresses(rng, day, day.victims.of(ATTACKS)),
    ]


def notices(day: Day, number: Ints, moment: Ints) -> Part:
    """A consortium's routine notices about merchants, which mean nothing; any numbers choose them."""
    ids = texts(day.merchants.ids)[number % len(day.merchants)]
    part = _part(moment, moment, "MERCHANT", ids, "ROUTINE_NOTICE", same("consortium", len(ids)))
    part["merchant_id"] = ids
    part["severity"] = same("LOW", len(ids))
    part["description"] = same("listed for information", len(ids))
    return part


def _cards(rng: np.random.Generator, day: Day, victims: Victims) -> Part:
    chosen = _some(rng, day, victims, STOLEN_SHARE)
    paid = day.payments.take(chosen.first)
    moment = chosen.last_us + spread(rng, *STOLEN_HOURS, len(chosen), HOUR_US)
    return _card_alerts(rng, day, moment, chosen.first_us, paid.user, paid.card)


def _wrong_cards(rng: np.random.Generator, day: Day) -> Part:
    """Cards of the wrong list: nobody has stolen them."""
    count = int(rng.poisson(day.config.alert_rate * WRONG_CARDS * len(day.users) / 1000))
    moment = day.start_us + rng.integers(0, DAY_US, count)
    user = rng.integers(0, len(day.users), count)
    return _card_alerts(rng, day, moment, moment, user, np.zeros(count, dtype=np.int64))


def _card_alerts(rng: np.random.Generator, day: Day, moment: Ints, cause: Ints, user: Ints, card: Ints) -> Part:
    count = len(user)
    hashes = texts(
        [day.users.card_hashes[owner][which] for owner, which in zip(user.tolist(), card.tolist(), strict=True)]
    )
    part = _part(moment, cause, "CARD", hashes, "STOLEN_CARD", pick(rng, _NETWORK, count))
    part["card_hash"] = hashes
    part["severity"] = pick(rng, {"HIGH": 0.8, "CRITICAL": 0.2}, count)
    part["description"] = same("the number was offered or used elsewhere", count)
    return part


def _merchants(rng: np.random.Generator, day: Day, victims: Victims) -> Part:
    """Merchants whose customers were robbed, once the bank and others know of them."""
    chosen = _some(rng, day, victims, MERCHANT_SHARE)
    paid = day.payments.take(chosen.first)
    heard = np.where(chosen.known_us == NEVER, chosen.last_us + 7 * DAY_US, chosen.known_us)
    moment = heard + spread(rng, *MERCHANT_DAYS, len(chosen), DAY_US)
    return _merchant_alerts(rng, day, moment, chosen.first_us, paid.merchant)


def _wrong_merchants(rng: np.random.Generator, day: Day) -> Part:
    """Merchants that only seem to be where cards were stolen: everybody buys there."""
    count = int(rng.poisson(day.config.alert_rate * WRONG_MERCHANTS))
    moment = day.start_us + rng.integers(0, DAY_US, count)
    shares = day.merchants.popularity / day.merchants.popularity.sum()
    merchant = rng.choice(len(day.merchants), count, p=shares).astype(np.int64)
    return _merchant_alerts(rng, day, moment, moment, merchant)


def _merchant_alerts(rng: np.random.Generator, day: Day, moment: Ints, cause: Ints, merchant: Ints) -> Part:
    count = len(merchant)
    ids = texts(day.merchants.ids)[merchant]
    part = _part(moment, cause, "MERCHANT", ids, "COMPROMISED_MERCHANT", pick(rng, _NETWORK, count))
    part["merchant_id"] = ids
    part["country"] = country_codes(day.merchants.country[merchant])
    part["severity"] = pick(rng, {"MEDIUM": 0.4, "HIGH": 0.5, "CRITICAL": 0.1}, count)
    part["description"] = same("common point of purchase of cards that were abused later", count)
    return part


def _mules(rng: np.random.Generator, day: Day, victims: Victims) -> Part:
    chosen = _some(rng, day, victims, MULE_SHARE)
    moment = chosen.last_us + spread(rng, *MULE_DAYS, len(chosen), DAY_US)
    ids = texts(day.users.ids)[day.payments.user[chosen.first]]
    part = _part(moment, chosen.first_us, "USER", ids, "MULE_REPORT", pick(rng, _CONSORTIUM, len(chosen)))
    part["user_id"] = ids
    part["severity"] = same("HIGH", len(chosen))
    part["description"] = same("another bank's customer was cheated and paid to this account", len(chosen))
    return part


def _devices(rng: np.random.Generator, day: Day, victims: Victims) -> Part:
    known = victims.take(day.payments.device[victims.first] != 0)
    chosen = _some(rng, day, known, DEVICE_SHARE)
    moment = chosen.last_us + spread(rng, *DEVICE_HOURS, len(chosen), HOUR_US)
    ids = texts(device_ids(day.payments.device[chosen.first]))
    part = _part(moment, chosen.first_us, "DEVICE", ids, "FRAUD_DEVICE", pick(rng, _CONSORTIUM, len(chosen)))
    part["device_id"] = ids
    part["severity"] = pick(rng, {"MEDIUM": 0.5, "HIGH": 0.5}, len(chosen))
    part["description"] = same("one device pays for customers of several banks", len(chosen))
    return part


def _addresses(rng: np.random.Generator, day: Day, victims: Victims) -> Part:
    known = victims.take(day.payments.address[victims.first] != 0)
    chosen = _some(rng, day, known, ADDRESS_SHARE)
    moment = chosen.last_us + spread(rng, *ADDRESS_HOURS, len(chosen), HOUR_US)
    ids = texts(address_hashes(day.payments.address[chosen.first]))
    part = _part(moment, chosen.first_us, "IP", ids, "ATTACKING_ADDRESS", pick(rng, _CONSORTIUM, len(chosen)))
    part["severity"] = pick(rng, {"LOW": 0.5, "MEDIUM": 0.5}, len(chosen))
    part["description"] = same("attacks on sign-ins of several banks come from there", len(chosen))
    return part


def _some(rng: np.random.Generator, day: Day, victims: Victims, share: float) -> Victims:
    """A share of the victims, more or fewer by ALERT_RATE and at most all."""
    return victims.take(rng.random(len(victims)) < share * day.config.alert_rate)


def _part(moment: Ints, cause: Ints, entity: str, ids: Objects, what: str, source: Objects) -> Part:
    count = len(ids)
    days = _CARD_DAYS if entity == "CARD" else _OTHER_DAYS
    return {
        "event_time": moment,
        "cause_us": cause,
        "entity_id": ids,
        "entity_type": same(entity, count),
        "alert_type": same(what, count),
        "source": source,
        "expires_at": moment + days * DAY_US,
    }
