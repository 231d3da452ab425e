"""A plain reading of the definition, for tests: slow, over lists, and sharing no code with the other engines."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import asin, cos, radians, sin, sqrt

from fraud_features.events import KycChange, Label, Login, Transaction
from fraud_features.features import FEATURES, Feature, feature
from fraud_features.profile import HABIT_COLUMNS, PROFILE_COLUMNS, SET_COLUMNS, Profile
from fraud_features.settings import FeatureSettings

_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMOTE = ("ONLINE", "MOBILE")
_FAILED = {"FAILURE", "LOCKED"}
_CHANNELS = ("UNKNOWN", "POS", "ONLINE", "ATM", "MOBILE")
_PROFILED = ("user", "merchant", "category")
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


@dataclass(frozen=True)
class _Past:
    """What the days before a boundary say about amounts; a mean or spread of nothing is None."""

    count: int
    active: int
    mean: Fraction | None
    spread: float | None
    largest: float | None
    hours: Counter[int]
    weekdays: Counter[int]


class Reference:
    """Every feature of any payment, from payments, labels, logins and KYC records in their order of arrival."""

    def __init__(
        self,
        transactions: Iterable[Transaction],
        labels: Iterable[Label],
        logins: Iterable[Login] = (),
        settings: FeatureSettings | None = None,
        kyc: Iterable[KycChange] = (),
    ) -> None:
        first: dict[str, Transaction] = {}
        for transaction in transactions:
            first.setdefault(transaction.transaction_id, transaction)
        self.transactions = list(first.values())
        self.labels = list(labels)
        attempts: dict[str, Login] = {}
        for login in logins:
            attempts.setdefault(login.login_id, login)
        self.logins = list(attempts.values())
        self._logins_of: dict[str, list[Login]] = defaultdict(list)
        for login in self.logins:
            self._logins_of[login.user_id].append(login)
        told: dict[str, KycChange] = {}
        for change in kyc:
            told.setdefault(change.kyc_change_id, change)
        self.kyc = list(told.values())
        self.settings = settings or FeatureSettings()
        self._of: dict[tuple[str, str], list[Transaction]] = defaultdict(list)
        for transaction in sorted(self.transactions, key=lambda t: t.event_us):
            for entity in ("user", "card", "device", "merchant", "category"):
                entity_id = transaction.entity_id(entity)
                if entity_id is not None:
                    self._of[entity, entity_id].append(transaction)
        self._said_about: dict[str, list[Label]] = defaultdict(list)
        self._labelled: dict[tuple[str, str], set[str]] = defaultdict(set)
        for label in sorted(self.labels, key=lambda label: label.known_us):
            self._said_about[label.transaction_id].append(label)
            self._labelled["user", label.user_id].add(label.transaction_id)
            self._labelled["merchant", label.merchant_id].add(label.transaction_id)
        self._pasts: dict[tuple[str, str, int, int], _Past] = {}
        self._frauds_before: dict[tuple[str, str, int], list[int]] = {}
        self._seen_before: dict[tuple[str, str, int], set[str | None]] = {}

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
        """The stored profile of one user, merchant or merchant category at a boundary."""
        moment = as_of_us + self.settings.profile_lag_us
        user_id, merchant_id, category = (entity_id if entity == each else "" for each in _PROFILED)
        probe = Transaction("", moment, user_id, merchant_id, amount_cents=0, merchant_category_code=category)
        values = {name: self._value(feature(name), probe) for name in PROFILE_COLUMNS[entity]}
        past = self._between(entity, entity_id, as_of_us - 90 * _DAY, as_of_us)
        sets: dict[str, frozenset[str]] = {}
        for name in SET_COLUMNS[entity]:
            column = _COLUMNS[name.split("_")[1]]
            sets[name] = frozenset(value for t in past if (value := column(t)) is not None)
        habits: dict[str, tuple[int, ...]] = {}
        for name, habit in HABIT_COLUMNS[entity].items():
            counted, bins = self._habit(habit, self._past(entity, entity_id, as_of_us, 90))
            habits[name] = tuple(counted[n] for n in range(bins))
        return Profile(as_of_us, values, sets, habits)

    # ---- windows

    def _between(self, entity: str, entity_id: str, start_us: int, end_us: int) -> list[Transaction]:
        """Payments of one entity with ``start <= event time < end``."""
        mine = self._of[entity, entity_id]
        return mine[bisect_left(mine, start_us, key=_moment) : bisect_left(mine, end_us, key=_moment)]

    def _earlier(self, entity: str, transaction: Transaction, window_us: int) -> list[Transaction]:
        entity_id = transaction.entity_id(entity)
        assert entity_id is not None  # noqa: S101
        found = self._between(entity, entity_id, transaction.event_us - window_us + 1, transaction.event_us)
        return [other for other in found if other.transaction_id != transaction.transaction_id]

    def _window(self, feature: Feature, transaction: Transaction) -> float | None:
        assert feature.window is not None  # noqa: S101
        if feature.source == "logins":
            ages = [(transaction.event_us - x.event_us, x.outcome) for x in self._logins_of[transaction.user_id]]
            return float(len([age for age, outcome in ages if 0 < age < feature.window.us and outcome in _FAILED]))
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
        boundary = self.boundary(transaction)
        if feature.source == "kyc":
            return self._of_kyc(feature, transaction.user_id, boundary)
        assert feature.window is not None  # noqa: S101
        days = feature.window.us // _DAY
        entity_id = transaction.entity_id(feature.entity)
        assert entity_id is not None  # noqa: S101
        if feature.aggregate == "new":
            return self._is_new(feature, transaction, boundary)
        if feature.source == "labels":
            return self._of_labels(feature, entity_id, boundary)
        past = self._past(feature.entity, entity_id, boundary, days)
        if feature.aggregate == "share":
            return self._share(feature.input, transaction, past)
        return _amounts(feature.aggregate, transaction, past)

    def _past(self, entity: str, entity_id: str, boundary: int, days: int) -> _Past:
        key = entity, entity_id, boundary, days
        if key not in self._pasts:
            self._pasts[key] = _summed(self._between(entity, entity_id, boundary - days * _DAY, boundary))
        return self._pasts[key]

    def _habit(self, habit: str, past: _Past) -> tuple[Counter[int], int]:
        return (past.hours, 24) if habit == "hour" else (past.weekdays, 7)

    def _share(self, habit: str, transaction: Transaction, past: _Past) -> float | None:
        if not past.count:
            return None
        moment = _EPOCH + timedelta(microseconds=transaction.event_us)
        if habit == "weekday":
            return past.weekdays[moment.weekday()] / past.count
        around = {(moment + timedelta(hours=step)).hour for step in (-1, 0, 1)}
        return sum(past.hours[hour] for hour in around) / past.count

    def _is_new(self, feature: Feature, transaction: Transaction, boundary: int) -> float | None:
        column = _COLUMNS[feature.input]
        value = column(transaction)
        if value is None:
            return None
        if value in self._seen(feature.input, transaction.user_id, boundary):
            return 0.0
        return 0.0 if any(column(other) == value for other in self._earlier("user", transaction, _DAY)) else 1.0

    def _seen(self, what: str, user_id: str, boundary: int) -> set[str | None]:
        key = what, user_id, boundary
        if key not in self._seen_before:
            past = self._between("user", user_id, boundary - 90 * _DAY, boundary)
            self._seen_before[key] = {_COLUMNS[what](other) for other in past}
        return self._seen_before[key]

    def _known_frauds(self, entity: str, entity_id: str, boundary: int) -> list[int]:
        """Moments, in order, of the payments that count as fraud by the newest label known before the boundary."""
        key = entity, entity_id, boundary
        if key not in self._frauds_before:
            found = []
            for transaction_id in self._labelled[entity, entity_id]:
                known = [label for label in self._said_about[transaction_id] if label.known_us < boundary]
                if known and known[-1].is_fraud and _labelled_id(known[-1], entity) == entity_id:
                    found.append(known[-1].transaction_us)
            self._frauds_before[key] = sorted(moment for moment in found if moment < boundary)
        return self._frauds_before[key]

    def _of_kyc(self, feature: Feature, user_id: str, boundary: int) -> float | None:
        known = [x for x in self.kyc if x.user_id == user_id and x.known_us < boundary]
        if not known:
            return None
        known.sort(key=lambda x: (x.known_us, x.kyc_change_id))
        first, *later = known
        if feature.aggregate == "count":
            assert feature.window is not None  # noqa: S101
            if feature.input == "contact_changes":
                later = [x for x in known if x.change_type in {"ADDRESS_CHANGED", "PHONE_CHANGED", "EMAIL_CHANGED"}]
            return float(len([x for x in later if x.known_us >= boundary - feature.window.us]))
        since = known[-1].customer_since_us
        moments = {"kyc": first.known_us, "kyc_changes": known[-1].known_us, "customer": since}
        moment = moments[feature.input]
        return None if moment is None else max(0.0, float(Fraction(boundary - moment, _DAY)))

    def _of_labels(self, feature: Feature, entity_id: str, boundary: int) -> float | None:
        assert feature.window is not None  # noqa: S101
        complete = boundary - self.settings.label_maturity_days * _DAY
        days = feature.window.us // _DAY
        ever = self._known_frauds(feature.entity, entity_id, boundary)
        if feature.input == "mature_frauds":
            start = complete - feature.window.us
            old = len([moment for moment in ever if start <= moment < complete])
            return (old + 0.1) / (len(self._between(feature.entity, entity_id, start, complete)) + 20.0)
        start = boundary - feature.window.us
        frauds = [moment for moment in ever if moment >= start]
        if feature.input == "fraud_run":
            run = _newest_run(frauds)
            if feature.aggregate == "length":
                return float(len(run))
            return float(Fraction(boundary - run[0], _DAY)) if run else float(days)
        if feature.aggregate == "count":
            return float(len(frauds))
        if feature.aggregate == "days_since":
            return float(Fraction(boundary - frauds[-1], _DAY)) if frauds else float(days)
        payments = len(self._between(feature.entity, entity_id, start, max(start, complete)))
        payments += len([moment for moment in frauds if moment >= complete])
        return (len(frauds) + 0.1) / (payments + 20.0)


def _moment(transaction: Transaction) -> int:
    return transaction.event_us


def _labelled_id(label: Label, entity: str) -> str:
    return label.user_id if entity == "user" else label.merchant_id


def _newest_run(moments: Sequence[int]) -> list[int]:
    """The last of the moments and those before it, as long as no two neighbours are more than a week apart."""
    run: list[int] = []
    for moment in reversed(moments):
        if run and run[0] - moment > 7 * _DAY:
            break
        run.insert(0, moment)
    return run


def _summed(past: Sequence[Transaction]) -> _Past:
    cents = [other.amount_cents for other in past]
    count = len(cents)
    mean = Fraction(sum(cents), count) / 100 if count else None
    variance = None
    if mean is not None and count > 1:
        variance = Fraction(sum(c * c for c in cents), 10_000 * count) - mean**2
    moments = [_EPOCH + timedelta(microseconds=other.event_us) for other in past]
    return _Past(
        count,
        len({moment.date() for moment in moments}),
        mean,
        None if variance is None else sqrt(variance),
        max(cents) / 100 if cents else None,
        Counter(moment.hour for moment in moments),
        Counter(moment.weekday() for moment in moments),
    )


def _amounts(aggregate: str, transaction: Transaction, past: _Past) -> float | None:
    mean, spread = past.mean, past.spread
    amount = Fraction(transaction.amount_cents, 100)
    values: dict[str, float | None] = {
        "count": float(past.count),
        "active": float(past.active),
        "mean": None if mean is None else float(mean),
        "std": spread,
        "max": past.largest,
        "zscore": None,
        "ratio": None if mean is None or mean <= 0 else min(10_000.0, float(amount / mean)),
    }
    if mean is not None and spread is not None:
        values["zscore"] = max(-1000.0, min(1000.0, float(amount - mean) / max(spread, 1.0)))
    return values[aggregate]


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
