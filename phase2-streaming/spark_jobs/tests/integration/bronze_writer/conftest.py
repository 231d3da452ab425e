"""One stream and one driver for all files of this folder, which share its life in the order of their names."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from fraud_contracts import CARD_EVENTS, EXTERNAL_ALERTS, KYC_PROFILES, LABELS, LOGINS, TRANSACTIONS, Topic
from fraud_stream.ledger import read_ledger
from fraud_stream.settings import WriterSettings
from fraud_stream.streams import Layout, Stream

# the amount of the payment that is bent, with its length before it: 1.00, and 2**64 cents more
CARD_NUMBER = "4111111111111111"
AMOUNT_BYTES = b"\x02\x64"
ENDLESS_AMOUNT = b"\x12" + (2**64 + 100).to_bytes(9, "big")
# one seed for the random bytes: a failure can be repeated
RANDOM_BYTES = bytes((index * 197 + 31) % 251 for index in range(300))


@dataclass(frozen=True)
class Poison:
    """A message that must not reach Bronze, and why."""

    value: bytes | None
    reasons: set[str]


@dataclass(frozen=True)
class Sent:
    """What the topics hold before the driver starts."""

    # good messages: payments, labels, and of each other topic
    payments: int
    labels: int
    others: int
    # payments that are none, by what is wrong with them, and where each of them went
    bad: dict[str, Poison]
    places: dict[str, tuple[int, int]]
    # one record of each topic as it was sent, among the good ones
    whole: dict[Topic, dict[str, Any]]
    # the one bad message of each other topic, and where it went
    other_bad: dict[Topic, Poison]
    other_places: dict[Topic, tuple[int, int]]


def poisons(feed: Any) -> dict[str, Poison]:
    good = feed.encode(TRANSACTIONS, feed.transaction(amount=Decimal("1.00")))
    assert good.count(AMOUNT_BYTES) == 1
    header = good[:5]

    def failing(**changes: Any) -> bytes:
        value: bytes = feed.encode(TRANSACTIONS, feed.transaction(**changes))
        return value

    # a string length of 1.5 GB: decoding it naively would reserve that much memory
    bomb = header + bytes.fromhex("80bcc1960b") + b"x" * 20
    return {
        "null": Poison(None, {"null_value"}),
        "empty": Poison(b"", {"truncated_header"}),
        "three bytes": Poison(b"\x00\x00\x00", {"truncated_header"}),
        "header only": Poison(header, {"undecodable_body"}),
        "other magic byte": Poison(b"\x01" + good[1:], {"bad_magic_byte"}),
        "plain JSON": Poison(b'{"transaction_id": "t1"}', {"bad_magic_byte"}),
        "unknown schema id": Poison(b"\x00\x00\x0f\x42\x3f" + good[5:], {"unknown_schema_id"}),
        "schema id beyond int": Poison(b"\x00\xff\xff\xff\xff" + good[5:], {"unknown_schema_id"}),
        "another subject's schema": Poison(feed.encode(LABELS, feed.label()), {"unknown_schema_id"}),
        "truncated": Poison(good[:-9], {"undecodable_body"}),
        "random bytes": Poison(header + RANDOM_BYTES, {"undecodable_body"}),
        "length bomb": Poison(bomb, {"undecodable_body"}),
        "no id": Poison(failing(transaction_id=""), {"transaction_id_length"}),
        "long id": Poison(failing(user_id="u" * 65), {"user_id_length"}),
        "no amount": Poison(failing(amount=Decimal("0.00")), {"amount_positive"}),
        "negative amount": Poison(failing(amount=Decimal("-1.00")), {"amount_positive"}),
        "absurd amount": Poison(failing(amount=Decimal("5000000000.00")), {"amount_bounded"}),
        # 2**64 cents more than a euro: whoever keeps 64 bits of them reads a euro
        "endless amount": Poison(good.replace(AMOUNT_BYTES, ENDLESS_AMOUNT), {"amount_bounded"}),
        "not a number": Poison(failing(latitude=float("nan")), {"latitude_range"}),
        "infinite": Poison(failing(longitude=float("-inf")), {"longitude_range"}),
        "from the future": Poison(failing(event_time=datetime(2100, 1, 1, tzinfo=UTC)), {"event_time_in_future"}),
        "from the past": Poison(failing(event_time=datetime(1931, 5, 6, tzinfo=UTC)), {"event_time_too_old"}),
        "end of time": Poison(feed.encode(TRANSACTIONS, feed.transaction(event_time=2**62)), {"event_time_in_future"}),
        "card number in clear": Poison(failing(card_hash=CARD_NUMBER), {"card_hash_format"}),
        "several at once": Poison(failing(currency="euro", country="Germany"), {"currency_format", "country_format"}),
        "invalid UTF-8": Poison(good.replace(b"EUR", b"\xff\xfeR"), {"text_encoding", "currency_format"}),
    }


def other_poisons(feed: Any) -> dict[Topic, Poison]:
    """One bad message of each topic but payments."""
    return {
        LABELS: Poison(feed.encode(LABELS, feed.label(fraud_type="f" * 65)), {"fraud_type_length"}),
        LOGINS: Poison(feed.encode(LOGINS, feed.other(LOGINS, latitude=float("nan"))), {"latitude_range"}),
        CARD_EVENTS: Poison(
            feed.encode(CARD_EVENTS, feed.other(CARD_EVENTS, card_hash=CARD_NUMBER)), {"card_hash_format"}
        ),
        KYC_PROFILES: Poison(
            feed.encode(KYC_PROFILES, feed.other(KYC_PROFILES, email_hash="somebody@example.com")),
            {"email_hash_format"},
        ),
        EXTERNAL_ALERTS: Poison(
            feed.encode(EXTERNAL_ALERTS, feed.other(EXTERNAL_ALERTS, entity_id=CARD_NUMBER)),
            {"card_number_in_clear"},
        ),
    }


@pytest.fixture(scope="package")
def environment(
    platform: dict[str, str], bronze_stream: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Environment of a Bronze writer with a namespace, a ledger and ports of its own."""
    found: dict[str, str] = bronze_stream.own_environment(platform, tmp_path_factory.mktemp("stream"))
    return found


@pytest.fixture(scope="package")
def layout(environment: dict[str, str]) -> Layout:
    return Layout(environment["S3_BUCKET"], environment["FRAUD_STREAM_NAMESPACE"])


@pytest.fixture(scope="package")
def transactions(layout: Layout) -> Stream:
    return next(stream for stream in layout.streams if stream.contract is TRANSACTIONS)


@pytest.fixture(scope="package")
def writer_settings(environment: dict[str, str]) -> WriterSettings:
    return WriterSettings.model_validate(environment)


@pytest.fixture(scope="package")
def bucket(platform: dict[str, str]) -> Any:
    """The bucket as its owner sees it, for looking, breaking and cleaning up."""
    session = boto3.Session(platform["MINIO_ROOT_USER"], platform["MINIO_ROOT_PASSWORD"])
    s3 = session.resource("s3", endpoint_url=platform["S3_ENDPOINT_URL"], region_name=platform["S3_REGION"])
    return s3.Bucket(platform["S3_BUCKET"])


@pytest.fixture(scope="package")
def feed(environment: dict[str, str], layout: Layout, bronze_stream: ModuleType) -> Iterator[Any]:
    feed = bronze_stream.Feed(environment, layout)
    feed.create()
    yield feed
    feed.remove()


@pytest.fixture(scope="package")
def driver(
    environment: dict[str, str],
    layout: Layout,
    bucket: Any,
    bronze_stream: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """A driver that is not started yet; at the end it is stopped and its tables are removed."""
    driver = bronze_stream.Driver(environment, tmp_path_factory.mktemp("driver") / "bronze-writer.log")
    yield driver
    if driver.process is not None and driver.process.poll() is None:
        driver.end(signal.SIGKILL)
    bronze_stream.remove_stream(environment, layout, bucket)


@pytest.fixture(scope="package")
def exporter(
    environment: dict[str, str], bronze_stream: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A lag exporter that watches this module's stream through all that happens to it."""
    exporter = bronze_stream.Exporter(environment, tmp_path_factory.mktemp("exporter") / "lag-exporter.log")
    process = exporter.start()
    yield exporter
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.fixture(scope="package")
def sent(feed: Any) -> Sent:
    """Good messages of all topics with bad ones among them."""
    payments, labels, others = 3000, 200, 5
    bad, other_bad = poisons(feed), other_poisons(feed)
    feed.send_good(payments, labels)
    places = feed.send(TRANSACTIONS, [poison.value for poison in bad.values()])
    feed.send_good(200)
    whole = {TRANSACTIONS: feed.transaction(card_present=False, counterparty_id="A1"), LABELS: feed.label()}
    for topic, record in whole.items():
        feed.send(topic, [feed.encode(topic, record)])
    other_places = {}
    for topic, poison in other_bad.items():
        records = [feed.other(topic) for _ in range(others)] if topic is not LABELS else []
        around = [feed.encode(topic, record) for record in records]
        if records:
            whole[topic] = records[0]
        feed.send(topic, around[:3])
        # whoever keys by what a message is about, keys by a card
        (other_places[topic],) = feed.send(topic, [poison.value], key=CARD_NUMBER)
        feed.send(topic, around[3:])
    return Sent(
        payments=payments + 201,
        labels=labels + 1,
        others=others,
        bad=bad,
        places=dict(zip(bad, places, strict=True)),
        whole=whole,
        other_bad=other_bad,
        other_places=other_places,
    )


@pytest.fixture(scope="package")
def running(driver: Any, sent: Sent) -> Any:
    """The driver, started once the topics hold good and bad messages, and known to Trino."""
    driver.start()
    driver.wait_ready()
    done = driver.run("register-tables", "--wait", "60", "--require")
    assert done.returncode == 0, done.stdout + done.stderr
    return driver


@pytest.fixture(scope="package")
def acknowledged(environment: dict[str, str]) -> Callable[[Stream], dict[str, float]]:
    """How many messages of each partition the ledger says were produced."""

    def count(stream: Stream) -> dict[str, float]:
        ledger = read_ledger(Path(environment["FRAUD_PRODUCER_LEDGER_DIR"]), stream.topic)
        return {str(partition): sum(map(len, by_times.values())) for partition, by_times in ledger.items()}

    return count
