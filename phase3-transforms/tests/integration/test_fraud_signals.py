"""mart_fraud_signals on the real Trino: each pattern shows at the payment that completes it, and not before."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def signals(stack: Any, lakes: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What is said of each payment of four small stories."""
    offsets = iter(range(1000))

    def pay(name: str, user: int, minute: float, cents: int = 1234) -> Any:
        return lakes.Payment(name, user, minute, cents, 0, next(offsets), minute + 1)

    # all are online, without a card, each user on a device of his own
    burst = [pay(f"B{number}", 1, 100 + number / 10) for number in range(6)]
    structuring = [pay("S0", 2, 100, 95_000), pay("S1", 2, 130, 96_000), pay("S2", 2, 191, 97_000)]
    # twelve days of one small payment, then a large one
    spike = [pay(f"P{day}", 3, day * 1440.0, 1000 + day) for day in range(12)] + [pay("P12", 3, 13 * 1440.0, 80_100)]
    with lakes.lake_of_its_own(stack, tmp_path_factory.mktemp("dbt")) as lake:
        shared = [pay(f"D{user}", user, 500 + user / 10) for user in (11, 12, 13, 14)]
        lake.receive([*burst, *structuring, *spike, *shared], [])
        # one device for all of them, and a first payment at a terminal without a card
        lake.query(f"update {lake.prefix}bronze.transactions set device_id = 'DD' where transaction_id like 'D%'")
        lake.query(
            f"update {lake.prefix}bronze.transactions set channel = 'POS', latitude = -33.9, longitude = 151.2 "
            "where transaction_id = 'S2'"
        )
        lake.dbt("run", "--select", "+mart_fraud_signals")
        rows = lake.query(f"select transaction_id, signals, signal_count from {lake.prefix}gold.mart_fraud_signals")
        assert all(count == len(said.split(", ")) if said else count == 0 for _, said, count in rows)
        yield {name: said for name, said, _ in rows}


@pytest.mark.parametrize(
    ("payment", "said"),
    [
        # the first payment of all comes from a device that was not seen before
        ("B0", "new_device_without_card"),
        ("B3", ""),
        ("B4", "velocity_burst"),
        ("B5", "velocity_burst"),
        ("S0", "new_device_without_card"),
        ("S1", "structuring"),
        # more than an hour later, from Berlin to Sydney, at a terminal
        ("S2", "impossible_travel, presence_mismatch"),
        ("P11", ""),
        ("P12", "amount_spike"),
        ("D13", "new_device_without_card"),
        ("D14", "new_device_without_card, shared_device"),
    ],
)
def test_a_pattern_shows_at_the_payment_that_completes_it(signals: dict[str, str], payment: str, said: str) -> None:
    assert signals[payment] == said
