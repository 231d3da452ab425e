"""The simulation is no toy: the amount alone says little, a forest learns a lot, and nobody learns everything."""

import math
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, World, build_world, simulate
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.payments import join

HOUR_US = 3_600_000_000
START = 20_720 * DAY_US
DAYS, TEST_DAYS, GAP_DAYS, WARM_UP_DAYS = 60, 13, 7, 7
END = START + DAYS * DAY_US


@dataclass
class UserPast:
    """What a naive scorer remembers of one user; ``paid`` and ``squares`` are running sums."""

    times: list[int] = field(default_factory=list)
    paid: list[float] = field(default_factory=lambda: [0.0])
    squares: list[float] = field(default_factory=lambda: [0.0])
    merchants: set[int] = field(default_factory=set)
    devices: set[int] = field(default_factory=set)
    places: set[int] = field(default_factory=set)
    last: tuple[int, float, float] | None = None


@dataclass
class Examples:
    """Naive features of every payment with what is known about it at the start and at the end of the test period."""

    features: np.ndarray
    amount: np.ndarray
    event_time: np.ndarray
    known_fraud: np.ndarray
    fraud: np.ndarray


@dataclass
class Payment:
    """The columns that the features need, as plain numbers."""

    moment: int
    amount: float
    merchant: int
    device: int
    place: int
    latitude: float
    longitude: float


def observe(past: UserPast, p: Payment) -> list[float]:
    """Features of one payment from its user's earlier ones, then remember it."""
    count = len(past.times)
    hour = bisect_left(past.times, p.moment - HOUR_US)
    day = bisect_left(past.times, p.moment - 24 * HOUR_US)
    mean = past.paid[-1] / count if count else p.amount
    spread = max(past.squares[-1] / count - mean**2, 0.0) ** 0.5 if count else 0.0
    placed = not math.isnan(p.latitude)
    speed = 0.0
    if past.last is not None and placed:
        hours = max((p.moment - past.last[0]) / HOUR_US, 1 / 60)
        north = p.latitude - past.last[1]
        east = (p.longitude - past.last[2]) * math.cos(math.radians(p.latitude))
        speed = min(111.2 * math.hypot(north, east) / hours, 20_000.0)
    found = [
        count - hour,
        count - day,
        past.paid[-1] - past.paid[day],
        (p.moment - past.times[-1]) / HOUR_US if count else 1e3,
        (p.amount - mean) / (spread + 5),
        p.amount / (mean + 1),
        speed,
        p.merchant not in past.merchants,
        p.device > 0 and p.device not in past.devices,
        p.place not in past.places,
    ]
    past.times.append(p.moment)
    past.paid.append(past.paid[-1] + p.amount)
    past.squares.append(past.squares[-1] + p.amount**2)
    past.merchants.add(p.merchant)
    past.devices.add(p.device)
    past.places.add(p.place)
    if placed:
        past.last = (p.moment, p.latitude, p.longitude)
    return [float(value) for value in found]


def examples(world: World) -> Examples:
    payments, ids, labels = [], [], []
    for block in simulate(world, START, END + 40 * DAY_US):
        labels += block.labels
        if block.day * DAY_US < END:
            payments.append(block.payments)
            ids += block.ids
    p = join(payments)
    number = {name: row for row, name in enumerate(ids)}
    test_start = END - TEST_DAYS * DAY_US
    fraud, known = np.zeros(len(p), dtype=bool), np.zeros(len(p), dtype=bool)
    known_at_merchant: dict[int, list[int]] = defaultdict(list)
    for label in labels:
        if label.transaction_id not in number:
            continue
        row = number[label.transaction_id]
        fraud[row] = label.is_fraud
        if label.known_us < test_start:
            known[row] = label.is_fraud
        if label.is_fraud:
            known_at_merchant[int(p.merchant[row])].append(label.known_us)
    past: dict[int, UserPast] = defaultdict(UserPast)
    merchant_times: dict[int, list[int]] = defaultdict(list)
    device_users: dict[int, dict[int, int]] = defaultdict(dict)
    rows = []
    columns = zip(
        p.user.tolist(),
        p.event_time.tolist(),
        (p.cents / 100).tolist(),
        p.merchant.tolist(),
        p.device.tolist(),
        p.place.tolist(),
        p.latitude.tolist(),
        p.longitude.tolist(),
        strict=True,
    )
    for user, *values in columns:
        payment = Payment(*values)
        # what was known about the merchant at the last midnight
        today = payment.moment // DAY_US * DAY_US
        month = today - 30 * DAY_US
        sales, robberies = merchant_times[payment.merchant], known_at_merchant[payment.merchant]
        sold = bisect_left(sales, today) - bisect_left(sales, month)
        robbed = bisect_left(robberies, today) - bisect_left(robberies, month)
        busy = len(sales) - bisect_left(sales, payment.moment - HOUR_US)
        sales.append(payment.moment)
        sharers = 0
        if payment.device:
            device_users[payment.device][user] = payment.moment
            sharers = sum(payment.moment - last < 24 * HOUR_US for last in device_users[payment.device].values())
        rows.append([*observe(past[user], payment), robbed, robbed / (sold + 50), busy, sharers])
    category = world.merchants.category[p.merchant]
    own = np.column_stack([p.cents, p.kind, p.channel, p.card_present, p.event_time // HOUR_US % 24, category])
    return Examples(np.hstack([own, np.array(rows)]), p.cents.astype(float), p.event_time, known, fraud)


@pytest.fixture(scope="module")
def tested() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, amounts and the forest's scores of the test period."""
    config = SimulationConfig(start_us=START, customers=600, transactions_per_day=1500, fraud_rate=0.01)
    found = examples(build_world(config, CardHasher(b"k" * 32)))
    test_start = END - TEST_DAYS * DAY_US
    train = np.flatnonzero(
        (found.event_time >= START + WARM_UP_DAYS * DAY_US) & (found.event_time < test_start - GAP_DAYS * DAY_US)
    )
    fraud, honest = train[found.known_fraud[train]], train[~found.known_fraud[train]]
    sample = np.concatenate([fraud, np.random.default_rng(0).choice(honest, 40 * len(fraud), replace=False)])
    forest = RandomForestClassifier(
        80, min_samples_leaf=4, max_depth=14, class_weight="balanced_subsample", random_state=0, n_jobs=2
    ).fit(found.features[sample], found.known_fraud[sample])
    test = found.event_time >= test_start
    return found.fraud[test], found.amount[test], forest.predict_proba(found.features[test])[:, 1]


def test_the_amount_alone_says_little(tested: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    fraud, amount, _ = tested
    assert fraud.sum() > 100
    assert average_precision_score(fraud, amount) < 0.3


def test_a_forest_learns_a_lot_but_not_everything(tested: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    fraud, _, score = tested
    assert 0.4 < average_precision_score(fraud, score) < 0.95
    assert roc_auc_score(fraud, score) > 0.90
