"""A card world of another make than the simulator's: five columns, and frauds that amounts alone do not show.

Customers and merchants are points of a plane; a customer pays at merchants within reach, with amounts around a mean of
their own. Three kinds of fraud: amounts that nobody pays, merchants whose every payment is fraudulent for four weeks,
and customers of whose payments a third is fraudulent, and five times as large, for two weeks. Source of the rules and
their numbers: Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible Machine Learning for Credit Card Fraud Detection",
chapter 3 (2022); this is an implementation of its own.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY_S: Final = 86_400
COLUMNS: Final = ("time", "customer", "merchant", "amount", "fraud")
MAPPING: Final = """\
source: another make
columns: {event_time: time, user_id: customer, merchant_id: merchant, amount: amount}
constants: {currency: EUR}
time: {format: epoch_s}
label: {column: fraud, fraud_values: ["1"], honest_values: ["0"], delay_days: 7}
"""

_PLANE: Final = 100.0
_REACH: Final = 5.0
_MEAN_AMOUNT: Final = (5.0, 100.0)
_NOON_S: Final = DAY_S / 2
_SPREAD_S: Final = 20_000.0
_NOBODY_PAYS: Final = 220.0
_MERCHANTS_TAKEN_A_DAY: Final = 2 / 10_000
_MERCHANT_DAYS: Final = 28
_CUSTOMERS_TAKEN_A_DAY: Final = 3 / 5_000
_CUSTOMER_DAYS: Final = 14
_SHARE_OF_CUSTOMER: Final = 1 / 3
_TIMES_AS_LARGE: Final = 5.0


@dataclass(frozen=True, slots=True)
class WorldSize:
    """How large the world is; 2,000,000 payments of seven months unless told otherwise."""

    payments: int = 2_000_000
    customers: int = 6_000
    merchants: int = 12_000
    days: int = 212
    first_day: int = 20_454
    """Days since 1970-01-01; the default is 1 January 2026."""
    seed: int = 11


@dataclass(frozen=True, slots=True)
class DayOfPayments:
    """Payments of one day by time; every field has one entry per payment."""

    seconds: NDArray[np.int64]
    """Since 1970-01-01 UTC."""
    customers: NDArray[np.int64]
    merchants: NDArray[np.int64]
    amounts: NDArray[np.float64]
    """In EUR, to two decimals."""
    frauds: NDArray[np.bool_]


def days(size: WorldSize) -> Iterator[DayOfPayments]:
    """The days of a world, oldest first; the same for the same size and seed."""
    random = np.random.default_rng(size.seed)
    within_reach = _within_reach(
        random.uniform(0, _PLANE, (size.customers, 2)), random.uniform(0, _PLANE, (size.merchants, 2))
    )
    means = random.uniform(*_MEAN_AMOUNT, size.customers)
    # a customer pays between never and twice the average; some payments fall out of the day below
    shares = random.uniform(0, 2, size.customers)
    shares[[not len(near) for near in within_reach]] = 0
    per_day = shares / shares.sum() * size.payments / size.days / _share_within_the_day()
    merchants_until = np.full(size.merchants, -1)
    customers_until = np.full(size.customers, -1)
    for day in range(size.days):
        _take_over(random, merchants_until, day, _MERCHANTS_TAKEN_A_DAY, _MERCHANT_DAYS)
        _take_over(random, customers_until, day, _CUSTOMERS_TAKEN_A_DAY, _CUSTOMER_DAYS)
        customers = np.repeat(np.arange(size.customers), random.poisson(per_day))
        at = random.normal(_NOON_S, _SPREAD_S, len(customers))
        customers, at = customers[(at > 0) & (at < DAY_S)], at[(at > 0) & (at < DAY_S)]
        merchants = np.array([random.choice(within_reach[each]) for each in customers.tolist()], dtype=np.int64)
        amounts = random.normal(means[customers], means[customers] / 2)
        amounts = np.where(amounts < 0, random.uniform(0, 2 * means[customers]), amounts)
        frauds = amounts > _NOBODY_PAYS
        taken = (customers_until[customers] >= day) & (random.random(len(customers)) < _SHARE_OF_CUSTOMER)
        amounts = np.where(taken, amounts * _TIMES_AS_LARGE, amounts)
        frauds = frauds | taken | (merchants_until[merchants] >= day)
        order = np.argsort(at, kind="stable")
        yield DayOfPayments(
            seconds=((size.first_day + day) * DAY_S + at.astype(np.int64))[order],
            customers=customers[order],
            merchants=merchants[order],
            amounts=np.maximum(np.round(amounts, 2), 0.01)[order],
            frauds=frauds[order],
        )


def write_csv(path: Path, size: WorldSize) -> int:
    """Write the file, and ``<name>.mapping.yml`` beside it; returns how many payments it holds."""
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for day in days(size):
            rows = zip(
                day.seconds.tolist(),
                (f"C{number}" for number in day.customers.tolist()),
                (f"M{number}" for number in day.merchants.tolist()),
                (f"{amount:.2f}" for amount in day.amounts.tolist()),
                day.frauds.astype(np.int64).tolist(),
                strict=True,
            )
            writer.writerows(rows)
            written += len(day.seconds)
    mapping_of(path).write_text(MAPPING, encoding="utf-8")
    return written


def mapping_of(path: Path) -> Path:
    """Where :func:`write_csv` puts what explains a file."""
    return path.with_suffix(".mapping.yml")


def _within_reach(customers: NDArray[np.float64], merchants: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Per customer, the merchants that are near enough."""
    return [np.flatnonzero(((merchants - place) ** 2).sum(axis=1) < _REACH**2) for place in customers]


def _share_within_the_day() -> float:
    """Of payments whose time of day is normally distributed, the share that falls between two midnights."""
    random = np.random.default_rng(0)
    return float((np.abs(random.normal(0, _SPREAD_S, 100_000)) < _NOON_S).mean())


def _take_over(random: np.random.Generator, until: NDArray[np.int64], day: int, share: float, length: int) -> None:
    """Some more are compromised from this day on, for so many days."""
    taken = random.choice(len(until), random.poisson(share * len(until)), replace=False)
    until[taken] = day + length - 1
