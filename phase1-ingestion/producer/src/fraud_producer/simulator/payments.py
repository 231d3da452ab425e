"""Payments as columns: one numpy array per field, in the order of event time once a day is complete."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final, Self

import numpy as np

from fraud_producer.events import decimal_bytes
from fraud_producer.simulator.geography import COUNTRIES, CURRENCIES, Bools, Floats, Ints
from fraud_producer.simulator.merchants import Merchants
from fraud_producer.simulator.population import Users
from fraud_producer.simulator.randomness import scramble


class Channel(IntEnum):
    """Position of the contract's channel symbols."""

    POS = 0
    ONLINE = 1
    ATM = 2
    MOBILE = 3


class Kind(IntEnum):
    """Position of the contract's transaction types."""

    PURCHASE = 0
    WITHDRAWAL = 1
    REFUND = 2
    TRANSFER = 3


# Device and address codes of owners and of fraudsters live in ranges that never meet; 0 means none.
FRAUD_CODE_START: Final = 1 << 40


@dataclass(slots=True)
class Payments:
    """Columns of equal length.

    ``user`` and ``merchant`` are positions in the populations, ``cents`` hundredths of the base currency, ``card`` the
    position of the card within its owner's cards (-1: paid from the account, without a card), ``place`` a country's
    position, ``device`` and ``address`` codes that are scrambled before they leave (0: none), ``counterparty`` the
    code of the account that a transfer goes to (0: none) and ``counterparty_place`` its country, ``scenario`` the
    position of the fraud scenario plus one (0: honest) and ``episode`` the number of the fraud episode within its day,
    counted from one (0: none).
    """

    event_time: Ints
    user: Ints
    merchant: Ints
    cents: Ints
    card: Ints
    channel: Ints
    kind: Ints
    card_present: Bools
    device: Ints
    address: Ints
    place: Ints
    latitude: Floats
    longitude: Floats
    counterparty: Ints
    counterparty_place: Ints
    scenario: Ints
    episode: Ints

    def __len__(self) -> int:
        return len(self.event_time)

    @classmethod
    def empty(cls) -> Self:
        """No payments at all."""
        types: dict[str, Any] = {"card_present": np.bool_, "latitude": np.float64, "longitude": np.float64}
        columns: dict[str, Any] = {column.name: np.zeros(0, types.get(column.name, np.int64)) for column in fields(cls)}
        return cls(**columns)

    def take(self, rows: "Ints | Bools") -> "Payments":
        """The rows at these positions, or where the mask is true."""
        return Payments(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


def join(parts: Iterable[Payments]) -> Payments:
    """All rows of all parts, one after another."""
    listed = list(parts)
    return Payments(
        **{column.name: np.concatenate([getattr(part, column.name) for part in listed]) for column in fields(Payments)}
    )


def in_time_order(payments: Payments, day_start_us: int, day_end_us: int) -> Payments:
    """Rows sorted by event time, each in a microsecond of its own within the day."""
    count = len(payments)
    ordered = payments.take(np.argsort(payments.event_time, kind="stable"))
    within = np.clip(ordered.event_time, day_start_us, day_end_us - 1 - count)
    # adding the rank keeps the order and parts equal times by one microsecond
    ordered.event_time = within + np.arange(count, dtype=np.int64)
    return ordered


def transaction_ids(date_text: str, count: int) -> list[str]:
    """Ids of a day's payments in event-time order, for example ``T20261121-000123``."""
    return [f"T{date_text}-{number:06d}" for number in range(count)]


def records(payments: Payments, ids: list[str], users: Users, merchants: Merchants) -> Iterator[dict[str, Any]]:
    """Rows as Avro records: times in microseconds, amounts as the decimal's big-endian bytes."""
    codes = merchants.codes
    devices = device_ids(payments.device)
    addresses = address_hashes(payments.address)
    columns = zip(
        ids,
        payments.event_time.tolist(),
        payments.user.tolist(),
        payments.merchant.tolist(),
        payments.cents.tolist(),
        payments.card.tolist(),
        payments.channel.tolist(),
        payments.kind.tolist(),
        payments.card_present.tolist(),
        devices,
        addresses,
        payments.place.tolist(),
        payments.latitude.tolist(),
        payments.longitude.tolist(),
        account_ids(payments.counterparty, users),
        payments.counterparty_place.tolist(),
        strict=True,
    )
    channels = [channel.name for channel in Channel]
    kinds = [kind.name for kind in Kind]
    home = users.country.tolist()
    for (
        transaction_id,
        event_time,
        user,
        merchant,
        cents,
        card,
        channel,
        kind,
        card_present,
        device,
        address,
        place,
        latitude,
        longitude,
        counterparty,
        counterparty_place,
    ) in columns:
        country = COUNTRIES[place]
        to_account = counterparty is not None
        known_place = not math.isnan(latitude)
        yield {
            "transaction_id": transaction_id,
            "event_time": event_time,
            "user_id": users.ids[user],
            "merchant_id": merchants.ids[merchant],
            "amount": decimal_bytes(cents),
            "card_hash": users.card_hashes[user][card] if card >= 0 else None,
            "merchant_category_code": codes[merchant],
            "currency": CURRENCIES[country],
            "country": country,
            "latitude": latitude if known_place else None,
            "longitude": longitude if known_place else None,
            "channel": channels[channel],
            "card_present": card_present,
            "device_id": device,
            "ip_hash": address,
            "transaction_type": kinds[kind],
            "is_international": place != home[user] or (to_account and counterparty_place != home[user]),
            "account_id": users.account_ids[user],
            "counterparty_id": counterparty,
            "counterparty_country": COUNTRIES[counterparty_place] if to_account else None,
            "card_bin": users.card_prefixes[user][card] if card >= 0 else None,
        }


def device_ids(codes: Ints) -> list[str | None]:
    """``device_id`` of each device code; None for code 0."""
    return _code_texts(codes, "D", 10)


def address_hashes(codes: Ints) -> list[str | None]:
    """``ip_hash`` of each address code; None for code 0."""
    return _code_texts(codes, "ip-", 16)


def account_ids(codes: Ints, users: Users) -> list[str | None]:
    """``counterparty_id`` of each account code: a user's ``account_id`` for his position plus one, None for code 0.

    Larger codes are accounts at other banks.
    """
    texts: list[str | None] = [None] * len(codes)
    filled = np.flatnonzero(codes)
    elsewhere = _code_texts(codes[filled], "B", 12)
    for row, code, text in zip(filled.tolist(), codes[filled].tolist(), elsewhere, strict=True):
        texts[row] = users.account_ids[code - 1] if code <= len(users) else text
    return texts


def _code_texts(codes: Ints, prefix: str, digits: int) -> list[str | None]:
    mask = (1 << 4 * digits) - 1
    return [
        f"{prefix}{mixed & mask:0{digits}x}" if code else None
        for code, mixed in zip(codes.tolist(), scramble(codes).tolist(), strict=True)
    ]
