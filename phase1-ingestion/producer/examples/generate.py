"""Writes ``nordbank-payments.csv.gz``: what a bank's own export might look like, made by the simulator.

Eleven weeks of 400 customers: other names, other units, another order of columns than ours, and a column that says
which payments customers disputed. ``nordbank.mapping.yml`` explains it to ``fraud-producer replay``. Run it again with
``python phase1-ingestion/producer/examples/generate.py``; the same bytes come out.
"""

import csv
import gzip
import io
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fraud_producer.events import cents_of, to_datetime, to_us
from fraud_producer.pan import CardHasher
from fraud_producer.simulator import SimulationConfig, build_world, simulate
from fraud_producer.simulator.payments import records

FILE = Path(__file__).with_name("nordbank-payments.csv.gz")
COLUMNS = (
    "Buchung",
    "Zeitpunkt",
    "Kunde",
    "Akzeptanzstelle",
    "Branche",
    "Betrag",
    "Land",
    "Weg",
    "Karte_vorgelegt",
    "Geraet",
    "Breite",
    "Laenge",
    "Reklamation",
)
START = datetime(2025, 1, 31, tzinfo=UTC)
END = datetime(2025, 4, 21, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
WAYS = {"POS": "Kasse", "ONLINE": "Internet", "ATM": "Automat", "MOBILE": "App"}
CONFIG = SimulationConfig(
    start_us=to_us(START), seed=20250220, customers=400, transactions_per_day=550, fraud_rate=0.03
)


def export() -> str:
    """The whole file as CSV text."""
    # card numbers stay out of the file, so their key does not matter
    world = build_world(CONFIG, CardHasher(b"not used: no card number is exported"))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    for block in simulate(world, to_us(START), to_us(END)):
        rows = records(block.payments, block.ids, world.users, world.merchants)
        for record, scenario in zip(rows, block.payments.scenario.tolist(), strict=True):
            moment = to_datetime(record["event_time"]).astimezone(ZONE)
            cents = cents_of(record["amount"])
            writer.writerow(
                (
                    f"NB{record['transaction_id'][1:].replace('-', '')}",
                    moment.strftime("%d.%m.%Y %H:%M:%S"),
                    f"K-{7_000 + 13 * int(record['user_id'][1:])}",
                    f"AS{90_000 + 7 * int(record['merchant_id'][1:])}",
                    record["merchant_category_code"],
                    f"{cents // 100},{cents % 100:02d}",
                    record["country"],
                    WAYS[record["channel"]],
                    "ja" if record["card_present"] else "nein",
                    record["device_id"] or "",
                    _degrees(record["latitude"]),
                    _degrees(record["longitude"]),
                    "J" if scenario else "N",
                )
            )
    return text.getvalue()


def _degrees(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".replace(".", ",")


def main() -> None:
    """Write the file next to this script."""
    FILE.write_bytes(gzip.compress(export().encode("utf-8"), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
