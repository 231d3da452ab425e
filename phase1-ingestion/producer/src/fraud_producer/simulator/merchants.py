"""The merchants: fixed, whatever the seed, so that the reference table ``merchants.csv`` fits every simulation."""

import csv
import io
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Final

import numpy as np

from fraud_producer.simulator.geography import CITIES, COUNTRIES, Bools, Floats, Ints, weights
from fraud_producer.simulator.randomness import Purpose, generator

MERCHANT_COUNT: Final = 400
MERCHANT_SEED: Final = 20240601
SEED_COLUMNS: Final = (
    "merchant_id",
    "merchant_name",
    "merchant_category_code",
    "category",
    "home_country",
    "risk_level",
)
RISK_LEVELS: Final = ("LOW", "MEDIUM", "HIGH")


class Mode(IntEnum):
    """How a merchant sells."""

    SHOP = 0
    ONLINE = 1
    BOTH = 2
    ATM = 3
    TRANSFER = 4


@dataclass(frozen=True, slots=True)
class Category:
    """A line of business: ISO 18245 code, typical amount in the base currency, its spread on the log scale.

    ``risk`` holds the shares of low, medium and high risk merchants.
    """

    name: str
    code: str
    mode: Mode
    amount: float
    spread: float
    popularity: float
    risk: tuple[float, float, float]


CATEGORIES: Final = (
    Category("grocery", "5411", Mode.SHOP, 28, 0.60, 22, (0.95, 0.05, 0.00)),
    Category("atm", "6011", Mode.ATM, 90, 0.60, 6, (0.70, 0.25, 0.05)),
    Category("restaurant", "5812", Mode.SHOP, 26, 0.60, 12, (0.85, 0.13, 0.02)),
    Category("fuel", "5541", Mode.SHOP, 48, 0.40, 8, (0.70, 0.25, 0.05)),
    Category("clothing", "5651", Mode.BOTH, 55, 0.70, 7, (0.75, 0.22, 0.03)),
    Category("fast_food", "5814", Mode.SHOP, 11, 0.45, 9, (0.95, 0.05, 0.00)),
    Category("electronics", "5732", Mode.BOTH, 130, 0.90, 4, (0.20, 0.50, 0.30)),
    Category("pharmacy", "5912", Mode.SHOP, 18, 0.60, 5, (0.97, 0.03, 0.00)),
    Category("department_store", "5311", Mode.BOTH, 45, 0.80, 5, (0.75, 0.22, 0.03)),
    Category("hotel", "7011", Mode.BOTH, 150, 0.70, 1.5, (0.60, 0.35, 0.05)),
    Category("jewelry", "5944", Mode.BOTH, 180, 0.90, 0.7, (0.25, 0.50, 0.25)),
    Category("furniture", "5712", Mode.BOTH, 150, 0.90, 1.5, (0.85, 0.15, 0.00)),
    Category("marketplace", "5999", Mode.ONLINE, 34, 0.90, 10, (0.30, 0.50, 0.20)),
    Category("digital_goods", "5816", Mode.ONLINE, 9, 0.70, 7, (0.20, 0.45, 0.35)),
    Category("subscription", "4899", Mode.ONLINE, 12, 0.30, 5, (0.90, 0.10, 0.00)),
    Category("telecom", "4814", Mode.ONLINE, 28, 0.50, 3, (0.70, 0.25, 0.05)),
    Category("transport", "4121", Mode.ONLINE, 14, 0.60, 6, (0.85, 0.15, 0.00)),
    Category("travel_agency", "4722", Mode.ONLINE, 240, 0.80, 1.2, (0.30, 0.50, 0.20)),
    Category("airline", "4511", Mode.ONLINE, 210, 0.70, 1, (0.50, 0.45, 0.05)),
    Category("utilities", "4900", Mode.ONLINE, 70, 0.40, 2, (1.00, 0.00, 0.00)),
    Category("gambling", "7995", Mode.ONLINE, 40, 1.00, 1, (0.00, 0.30, 0.70)),
    Category("crypto", "6051", Mode.ONLINE, 140, 1.00, 0.6, (0.00, 0.20, 0.80)),
    Category("gift_cards", "5947", Mode.ONLINE, 55, 0.60, 1, (0.00, 0.40, 0.60)),
)
MONTHLY_CATEGORIES: Final = ("subscription", "utilities", "telecom")
GIFT_CATEGORIES: Final = (
    *("clothing", "electronics", "department_store", "jewelry", "furniture"),
    *("marketplace", "digital_goods", "gift_cards"),
)
_TRANSFER: Final = len(CATEGORIES)
SHOP_CATEGORIES: Final = tuple(index for index, c in enumerate(CATEGORIES) if c.mode is not Mode.ONLINE)
ONLINE_CATEGORIES: Final = tuple(index for index, c in enumerate(CATEGORIES) if c.mode is Mode.ONLINE)
# Money sent from account to account goes through the payer's own bank: its transfer service is the merchant.
TRANSFER_SERVICE: Final = Category("transfer_service", "4829", Mode.TRANSFER, 100, 0.0, 0, (0.0, 1.0, 0.0))
# Every country needs enough shops for a traveller to live on; homes of many users get more.
SHOPS_PER_COUNTRY: Final = 9
ONLINE_MERCHANTS: Final = 120
# How much more often fraud goes to a merchant of a risk level than its sales alone would explain.
RISK_AFFINITY: Final = (1.0, 3.5, 9.0)

_ALL_CATEGORIES: Final = (*CATEGORIES, TRANSFER_SERVICE)
_NAME_STARTS: Final = ("Nord", "Bella", "Prime", "Casa", "Alpha", "Urban", "Vita", "Metro", "Blue", "Corner", "Golden")
_NAME_ENDS: Final = ("Haus", "Point", "Line", "Box", "Market", "Works", "Place", "Direct", "Hub", "Union", "Star")


@dataclass(frozen=True, slots=True)
class Merchants:
    """The merchants as columns; position i is merchant ``M{i+1:03d}``.

    ``charges_monthly`` and ``sells_gifts`` tell what is bought there. ``transfer_service`` holds, per country, the
    position of the transfer service of that country's bank, -1 where no user lives. Nobody buys at one: its popularity
    is zero.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    category: Ints
    country: Ints
    risk: Ints
    mode: Ints
    log_amount: Floats
    spread: Floats
    popularity: Floats
    fraud_affinity: Floats
    charges_monthly: Bools
    sells_gifts: Bools
    transfer_service: Ints

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def codes(self) -> tuple[str, ...]:
        """Merchant category codes."""
        return tuple(_ALL_CATEGORIES[index].code for index in self.category)

    def seed_rows(self) -> list[tuple[str, ...]]:
        """Rows of ``merchants.csv``, in the order of ``SEED_COLUMNS``."""
        return [
            (
                self.ids[i],
                self.names[i],
                _ALL_CATEGORIES[self.category[i]].code,
                _ALL_CATEGORIES[self.category[i]].name,
                COUNTRIES[self.country[i]],
                RISK_LEVELS[self.risk[i]],
            )
            for i in range(len(self))
        ]


@cache
def merchant_population() -> Merchants:
    """The 400 merchants, and the banks' transfer services after them; always the same."""
    return _with_transfer_services(_shops_and_sites())


def _shops_and_sites() -> Merchants:
    rng = generator(MERCHANT_SEED, Purpose.MERCHANTS)
    category, country = _places(rng)
    risk = np.array([rng.choice(3, p=CATEGORIES[index].risk) for index in category], dtype=np.int64)
    mode = np.array([CATEGORIES[index].mode for index in category], dtype=np.int64)
    amount = np.array([CATEGORIES[index].amount for index in category])
    base_popularity = np.array([CATEGORIES[index].popularity for index in category])
    count = len(category)
    popularity = base_popularity * rng.pareto(1.6, count).clip(0.05, 12)
    affinity = np.array(RISK_AFFINITY)[risk] * rng.lognormal(0.0, 0.7, count)
    return Merchants(
        ids=tuple(f"M{index + 1:03d}" for index in range(count)),
        names=tuple(
            f"{rng.choice(_NAME_STARTS)} {rng.choice(_NAME_ENDS)} {CATEGORIES[index].name.replace('_', ' ').title()}"
            for index in category
        ),
        category=category,
        country=country,
        risk=risk,
        mode=mode,
        log_amount=np.log(amount) + rng.normal(0.0, 0.25, count),
        spread=np.array([CATEGORIES[index].spread for index in category]),
        popularity=popularity,
        fraud_affinity=affinity,
        charges_monthly=is_one_of(MONTHLY_CATEGORIES, category),
        sells_gifts=is_one_of(GIFT_CATEGORIES, category),
        transfer_service=np.full(len(COUNTRIES), -1, dtype=np.int64),
    )


def _with_transfer_services(sellers: Merchants) -> Merchants:
    """One more merchant for each country in which users live, in the order of the countries."""
    homes = {COUNTRIES.index(city.country) for city in CITIES if city.home}
    country = np.array(sorted(homes), dtype=np.int64)
    count, first = len(country), len(sellers)
    positions = np.full(len(COUNTRIES), -1, dtype=np.int64)
    positions[country] = first + np.arange(count)
    return Merchants(
        ids=sellers.ids + tuple(f"M{first + number + 1:03d}" for number in range(count)),
        names=sellers.names + tuple(f"Nord Bank {COUNTRIES[index]} Transfer Service" for index in country.tolist()),
        category=np.append(sellers.category, np.full(count, _TRANSFER)),
        country=np.append(sellers.country, country),
        risk=np.append(sellers.risk, np.full(count, RISK_LEVELS.index("MEDIUM"))),
        mode=np.append(sellers.mode, np.full(count, Mode.TRANSFER)),
        log_amount=np.append(sellers.log_amount, np.full(count, np.log(TRANSFER_SERVICE.amount))),
        spread=np.append(sellers.spread, np.full(count, TRANSFER_SERVICE.spread)),
        popularity=np.append(sellers.popularity, np.zeros(count)),
        fraud_affinity=np.append(sellers.fraud_affinity, np.ones(count)),
        charges_monthly=np.append(sellers.charges_monthly, np.zeros(count, dtype=np.bool_)),
        sells_gifts=np.append(sellers.sells_gifts, np.zeros(count, dtype=np.bool_)),
        transfer_service=positions,
    )


def is_one_of(names: tuple[str, ...], category: Ints) -> Bools:
    """Which of these lines of business (``Merchants.category``) have one of the names."""
    return np.array([_ALL_CATEGORIES[index].name in names for index in category], dtype=np.bool_)


def _places(rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Category and country of each merchant, shuffled so that an id tells nothing."""
    category: list[int] = []
    country: list[int] = []
    for index in range(len(COUNTRIES)):
        # the first categories of the list are the ones nobody can do without
        category += SHOP_CATEGORIES[:SHOPS_PER_COUNTRY]
        country += [index] * SHOPS_PER_COUNTRY
    homes = np.zeros(len(COUNTRIES))
    for city in CITIES:
        homes[COUNTRIES.index(city.country)] += city.home
    more_shops = MERCHANT_COUNT - ONLINE_MERCHANTS - len(category)
    shop_shares = weights([CATEGORIES[index].popularity for index in SHOP_CATEGORIES])
    category += rng.choice(SHOP_CATEGORIES, more_shops, p=shop_shares).tolist()
    country += rng.choice(len(COUNTRIES), more_shops, p=weights(homes)).tolist()
    online_shares = weights([CATEGORIES[index].popularity ** 0.5 for index in ONLINE_CATEGORIES])
    category += list(ONLINE_CATEGORIES)
    category += rng.choice(ONLINE_CATEGORIES, ONLINE_MERCHANTS - len(ONLINE_CATEGORIES), p=online_shares).tolist()
    sellers = homes + np.array([{"US": 25, "GB": 8, "CN": 10, "IE": 8}.get(code, 1) for code in COUNTRIES])
    country += rng.choice(len(COUNTRIES), ONLINE_MERCHANTS, p=weights(sellers)).tolist()
    order = rng.permutation(MERCHANT_COUNT)
    return np.array(category, dtype=np.int64)[order], np.array(country, dtype=np.int64)[order]


def merchants_csv() -> str:
    """The seed table as CSV text with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SEED_COLUMNS)
    writer.writerows(merchant_population().seed_rows())
    return text.getvalue()
