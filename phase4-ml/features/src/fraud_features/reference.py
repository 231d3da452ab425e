"""A plain reading of the definition, for tests: slow, over whole lists, and sharing no code with the other engines."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import asin, cos, radians, sin, sqrt

from fraud_features.events import Label, Transaction
from fraud_features.features import FEATURES, Feature, feature
from fraud_features.profile import PROFILE_COLUMNS, SET_COLUMNS, Profile
from fraud_features.settings import FeatureSettings

_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMOTE = ("ONLINE", "MOBILE")
_CHANNELS = ("UNKNOWN", "POS", "ONLINE", "ATM", "MOBILE")
_TYPES = ("UNKNOWN", "PURCHASE", "WITHDRAWAL", "TRANSFER", "REFUND")
_COLUMNS: dict[str, Callable[[Transaction], str | None]] = {
    "merchants": lambda t: t.merchant_id,
    "merchant": lambda t: t.merchant_id,
    "countries": lambda t: t.country,
    "country": lambda t: t.country,
    "devices": lambda t: t.device_id,
    "device": lambda t: t.device_id,
    "users": lambda t: t.user_id,
}


class Reference:
    """Every feature of any payment, from the payments in order of arrival and the labels in order of arrival."""

    def __init__(
        self, transactions: Iterable[Transaction], labels: Iterable[Label], settings: FeatureSettings | None = None
    ) -> None:
        first: dict[str, Transaction] = {}
        for transaction in transactions:
            first.setdefault(transaction.transaction_id, transaction)
        self.transactions = list(first.values())
        self.labels = list(labels)
        self.settings = settings or FeatureSettings()

    def vector(self, transaction: Transaction) -> dict[str, float | None]:
        """Values by feature name; None where the value is not known."""
        return {each.name: self._value(each, transaction) for each in FEATURES}

    def boundary(self, transaction: Transaction) -> int:
        """Midnight (UTC) at or before the payment minus the lag, in microseconds."""
        moment = _EPOCH + timedelta(microseconds=transaction.event_us, hours=-self.settings.profile_lag_hours)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - _EPOCH) // timedelta(microseconds=1)

    def newest_day(self) -> int:
        """Midnight of the newest day that is no stray: with the six before it, two payments and 0.01 % of all."""
        days = [transaction.event_us // _DAY for transaction in self.transactions]
        weeks = {day: sum(day - 6 <= other <= day for other in days) for day in days}
        real = [day for day, week in weeks.items() if week >= 2 and Fraction(week, len(days)) >= Fraction(1, 10_000)]
        return max(real or days) * _DAY

    def _value(self, feature: Feature, transaction: Transaction) -> float | None:
        if feature.kind == "request":
            return _request(feature.input, transaction)
        if transaction.entity_id(feature.entity) is None:
            return None
        if feature.kind == "window":
            return self._window(feature, transaction)
        return self._profile(feature, transaction)

    def profile(self, entity: str, entity_id: str, as_of_us: int) -> Profile:
        """The stored profile of one user or merchant at a boundary."""
        moment = as_of_us + self.settings.profile_lag_us
        user_id, merchant_id = (entity_id, "") if entity == "user" else ("", entity_id)
        probe = Transaction("", moment, user_id, merchant_id, amount_cents=0)
        values = {name: self._value(feature(name), probe) for name in PROFILE_COLUMNS[entity]}
        start = as_of_us - 90 * _DAY
        past = [t for t in self.transactions if t.entity_id(entity) == entity_id and start <= t.event_us < as_of_us]
        sets: dict[str, frozenset[str]] = {}
        for name in SET_COLUMNS[entity]:
            column = _COLUMNS[name.split("_")[1]]
            sets[name] = frozenset(value for t in past if (value := column(t)) is not None)
        return Profile(as_of_us, values, sets)

    # ---- windows

    def _earlier(self, entity: str, transaction: Transaction, window_us: int) -> list[Transaction]:
        start = transaction.event_us - window_us
        return [
            other
            for other in self.transactions
            if other.entity_id(entity) == transaction.entity_id(entity)
            and start < other.event_us < transaction.event_us
            and other.transaction_id != transaction.transaction_id
        ]

    def _window(self, feature: Feature, transaction: Transaction) -> float | None:
        assert feature.window is not None  # noqa: S101
        earlier = self._earlier(feature.entity, transaction, feature.window.us)
        match feature.aggregate:
            case "count":
                return float(len([other for other in earlier if _passes(feature.filter, other)]))
            case "sum":
                return float(Fraction(sum(other.amount_cents for other in earlier), 100))
            case "distinct":
                column = _COLUMNS[feature.input]
                return float(len({column(other) for other in earlier if column(other) is not None}))
            case "last" if feature.input == "seconds_since":
                newest = max((other.event_us for other in earlier), default=None)
                return 86_400.0 if newest is None else (transaction.event_us - newest) / 1e6
            case _:
                return _speed(transaction, earlier)

    # ---- profiles

    def _profile(self, feature: Feature, transaction: Transaction) -> float | None:
        assert feature.window is not None  # noqa: S101
        boundary = self.boundary(transaction)
        start = boundary - feature.window.us
        entity_id = transaction.entity_id(feature.entity)
        past = [
            other
            for other in self.transactions
            if other.entity_id(feature.entity) == entity_id and start <= other.event_us < boundary
        ]
        if feature.aggregate == "new":
            return self._is_new(feature, transaction, past)
        if feature.input == "known_frauds":
            return self._frauds(feature, entity_id, boundary, past)
        return _amounts(
            feature, transaction, [other.amount_cents for other in past], [o.event_us // _DAY for o in past]
        )

    def _is_new(self, feature: Feature, transaction: Transaction, past: Sequence[Transaction]) -> float | None:
        column = _COLUMNS[feature.input]
        value = column(transaction)
        if value is None:
            return None
        since = self._earlier("user", transaction, _DAY)
        return 0.0 if any(column(other) == value for other in [*past, *since]) else 1.0

    def _frauds(
        self, feature: Feature, entity_id: str | None, boundary: int, past: Sequence[Transaction]
    ) -> float | None:
        assert feature.window is not None  # noqa: S101
        in_force: dict[str, Label] = {}
        for label in sorted(self.labels, key=lambda label: label.known_us):
            if label.known_us < boundary:
                in_force[label.transaction_id] = label
        frauds = [
            label.transaction_us
            for label in in_force.values()
            if label.is_fraud
            and (label.user_id if feature.entity == "user" else label.merchant_id) == entity_id
            and boundary - feature.window.us <= label.transaction_us < boundary
        ]
        if feature.aggregate == "count":
            return float(len(frauds))
        if feature.aggregate == "days_since":
            return float(Fraction(boundary - max(frauds), _DAY)) if frauds else float(feature.window.us // _DAY)
        mature_before = boundary - self.settings.label_maturity_days * _DAY
        payments = len([other for other in past if other.event_us < mature_before])
        payments += len([moment for moment in frauds if moment >= mature_before])
        return (len(frauds) + 0.1) / (payments + 20.0)


def _amounts(feature: Feature, transaction: Transaction, cents: Sequence[int], days: Sequence[int]) -> float | None:
    count = len(cents)
    mean = Fraction(sum(cents), count) / 100 if count else None
    variance = sum((Fraction(c, 100) - mean) ** 2 for c in cents) / count if mean is not None and count > 1 else None
    spread = None if variance is None else sqrt(variance)
    amount = Fraction(transaction.amount_cents, 100)
    values: dict[str, float | None] = {
        "count": float(count),
        "active": float(len(set(days))),
        "mean": None if mean is None else float(mean),
        "std": spread,
        "max": max(cents) / 100 if cents else None,
        "zscore": None,
        "ratio": None if mean is None or mean <= 0 else min(10_000.0, float(amount / mean)),
    }
    if mean is not None and spread is not None:
        values["zscore"] = max(-1000.0, min(1000.0, float(amount - mean) / max(spread, 1.0)))
    return values[feature.aggregate]


def _near_threshold(cents: int) -> bool:
    return 90_000 <= cents < 100_000 or 900_000 <= cents < 1_000_000


def _passes(name: str | None, other: Transaction) -> bool:
    match name:
        case "near_threshold":
            return _near_threshold(other.amount_cents)
        case "remote":
            return other.channel in _REMOTE
        case "small":
            return other.amount_cents < 500
        case _:
            return True


def _place(transaction: Transaction) -> tuple[float, float] | None:
    latitude, longitude = transaction.latitude, transaction.longitude
    if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    return latitude, longitude


def _speed(transaction: Transaction, earlier: Sequence[Transaction]) -> float | None:
    here = _place(transaction)
    placed = [other for other in earlier if _place(other) is not None]
    if here is None or not placed:
        return None
    last = max(placed, key=lambda other: (other.event_us, other.transaction_id))
    there = _place(last)
    assert there is not None  # noqa: S101
    half = [sin(radians(a - b) / 2) ** 2 for a, b in zip(here, there, strict=True)]
    chord = half[0] + cos(radians(here[0])) * cos(radians(there[0])) * half[1]
    hours = max((transaction.event_us - last.event_us) / 3.6e9, 1 / 3600)
    return min(20_000.0, 2 * 6371.0088 * asin(min(1.0, sqrt(chord))) / hours)


def _index(names: Sequence[str], value: str | None) -> float | None:
    return float(names.index(value)) if value in names else None


def _request(name: str, transaction: Transaction) -> float | None:
    moment = _EPOCH + timedelta(microseconds=transaction.event_us)
    channel, present = transaction.channel, transaction.card_present
    remote = None if channel is None else channel in _REMOTE
    terminal = channel in {"POS", "ATM"}
    country, category = transaction.country, transaction.merchant_category_code
    values: dict[str, Callable[[], float | bool | None]] = {
        "amount": lambda: transaction.amount_cents / 100,
        "amount_is_round": lambda: transaction.amount_cents > 0 and transaction.amount_cents % 10_000 == 0,
        "amount_is_near_threshold": lambda: _near_threshold(transaction.amount_cents),
        "hour": lambda: moment.hour,
        "weekday": moment.weekday,
        "is_international": lambda: transaction.is_international,
        "is_card_present": lambda: present,
        "is_remote": lambda: remote,
        "is_presence_mismatch": lambda: (
            None if present is None or remote is None else (present and remote) or (not present and terminal)
        ),
        "channel": lambda: _index(_CHANNELS, channel),
        "kind": lambda: _index(_TYPES, transaction.transaction_type),
        "country": lambda: _country(country),
        "merchant_category": lambda: (
            int(category) if category and len(category) <= 4 and set(category) <= set("0123456789") else None
        ),
        "has_device": lambda: transaction.device_id is not None,
    }
    value = values[name]()
    return None if value is None else float(value)


def _country(country: str | None) -> float | None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    if country is None or len(country) != 2 or not set(country) <= set(letters):
        return None
    return 26.0 * letters.index(country[0]) + letters.index(country[1])
