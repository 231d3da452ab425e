"""The example of somebody's own data is what its script makes, fits its mapping and can be trained on."""

import gzip
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from fraud_contracts import LABELS, TRANSACTIONS
from fraud_producer.pan import CardHasher
from fraud_producer.replay import FileReplay, FileSpan, load_mapping
from fraud_producer.simulator.config import DAY_US

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def script(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    return load_script(FOLDER / "generate.py")


def test_the_committed_file_is_what_the_script_writes(script: ModuleType) -> None:
    assert gzip.decompress(script.FILE.read_bytes()).decode("utf-8") == script.export()
    assert script.FILE.stat().st_size < 1_200_000


def test_the_mapping_fits_every_row(script: ModuleType) -> None:
    contents = FileReplay(script.FILE, load_mapping(FOLDER / "nordbank.mapping.yml"), CardHasher(b"k" * 32))
    span = FileSpan()
    events = list(contents.events(span))
    payments = [event for event in events if event.topic is TRANSACTIONS]
    labels = [event for event in events if event.topic is LABELS]
    assert (span.bad_rows, span.out_of_order) == (0, 0)
    assert 40_000 < len(payments) < 50_000
    assert span.first_us is not None
    assert span.last_us is not None
    assert span.last_us - span.first_us > 45 * DAY_US
    assert 0.02 < len(labels) / len(payments) < 0.04
    assert {event.record["channel"] for event in payments} == {"POS", "ONLINE", "ATM", "MOBILE"}
