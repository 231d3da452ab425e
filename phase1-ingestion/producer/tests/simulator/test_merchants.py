"""The reference table of merchants is the simulator's own, whatever the seed."""

import csv
from pathlib import Path

from typer.testing import CliRunner

from fraud_producer.cli import app
from fraud_producer.simulator import merchant_population, merchants_csv
from fraud_producer.simulator.geography import CITIES, COUNTRIES
from fraud_producer.simulator.merchants import RISK_LEVELS, SEED_COLUMNS, Mode

SEED_FILE = Path(__file__).parents[4] / "phase3-transforms" / "dbt_project" / "seeds" / "merchants.csv"


def test_the_committed_seed_is_what_the_simulator_makes() -> None:
    assert SEED_FILE.read_text(encoding="utf-8") == merchants_csv(), (
        f"make it anew: fraud-producer merchants --output {SEED_FILE.name}"
    )


def test_the_command_writes_the_same_bytes(tmp_path: Path) -> None:
    output = tmp_path / "seeds" / "merchants.csv"
    result = CliRunner().invoke(app, ["merchants", "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert output.read_bytes() == SEED_FILE.read_bytes()


def test_the_table_has_400_merchants_with_every_risk_level_and_the_transfer_services() -> None:
    rows = list(csv.DictReader(merchants_csv().splitlines()))
    assert tuple(rows[0]) == SEED_COLUMNS
    assert [row["merchant_id"] for row in rows] == [f"M{number:03d}" for number in range(1, 410)]
    assert {row["risk_level"] for row in rows} == set(RISK_LEVELS)


def test_a_traveller_finds_shops_and_cash_everywhere() -> None:
    merchants = merchant_population()
    for country in range(len(COUNTRIES)):
        there = merchants.mode[merchants.country == country]
        assert (there == Mode.ATM).any()
        assert (there != Mode.ONLINE).sum() >= 9


def test_every_home_country_has_a_transfer_service_where_nobody_buys() -> None:
    merchants = merchant_population()
    homes = {city.country for city in CITIES if city.home}
    for index, country in enumerate(COUNTRIES):
        service = merchants.transfer_service[index]
        assert (service >= 0) == (country in homes)
        if service >= 0:
            assert merchants.country[service] == index
            assert merchants.mode[service] == Mode.TRANSFER
            assert merchants.codes[service] == "4829"
            assert merchants.popularity[service] == 0


def test_risk_costs_more_at_risky_merchants() -> None:
    merchants = merchant_population()
    means = [merchants.fraud_affinity[merchants.risk == level].mean() for level in range(len(RISK_LEVELS))]
    assert means == sorted(means)
