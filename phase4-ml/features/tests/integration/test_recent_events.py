"""The one script on the real Redis: what it answers, what it keeps, and that it may be repeated."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any
from uuid import uuid4

import pytest
import redis

from fraud_features import (
    RECENT_SCRIPT,
    FeatureSettings,
    Profiles,
    RecentEvents,
    Transaction,
    UserFeatures,
    boundary_us,
    compute_features,
    login_call,
    parse_profiles,
    parse_recent,
    profile_keys,
    recent_call,
)
from fraud_features.features import FEATURES, PROFILE_ENTITIES, US_PER_HOUR
from fraud_features.histories import START_US, sample_history
from fraud_features.redis_layout import RECENT_EXPIRY_SECONDS, SLACK_US, Mode, pack_profiles, recent_keys
from fraud_features.reference import Reference

pytestmark = pytest.mark.integration
SETTINGS = FeatureSettings()
NOON = START_US + 12 * US_PER_HOUR


class Recents:
    """Payments sent through the script, under identifiers that no other test uses."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.script = client.register_script(RECENT_SCRIPT)
        self.prefix = uuid4().hex[:8]

    def own(self, transaction: Transaction) -> Transaction:
        return replace(
            transaction,
            user_id=self.prefix + transaction.user_id,
            merchant_id=self.prefix + transaction.merchant_id,
            card_hash=transaction.card_hash and self.prefix + transaction.card_hash,
            device_id=transaction.device_id and self.prefix + transaction.device_id,
            merchant_category_code=transaction.merchant_category_code
            and self.prefix + transaction.merchant_category_code,
        )

    def send(self, transaction: Transaction, mode: Mode = "read_add", **limits: str) -> RecentEvents:
        call = recent_call(transaction, mode)
        arguments = list(call.args)
        for position, value in limits.items():
            for index in range(5 + int(position[1:]), len(arguments), 3):
                arguments[index] = value
        answer = self.script(keys=list(call.keys), args=arguments)
        return parse_recent(call, answer) if mode != "add" else RecentEvents.unavailable()

    def ids(self, transaction: Transaction, entity: str = "user", mode: Mode = "read") -> list[str]:
        return [event.transaction_id for event in self.send(transaction, mode).by_entity[entity].events]


@pytest.fixture
def recents(stack: Any) -> Iterator[Recents]:
    stack.need("redis")
    env = stack.env
    client = redis.Redis(env["REDIS_HOST"], int(env["REDIS_CONNECT_PORT"]), password=env["REDIS_PASSWORD"])
    handle = Recents(client)
    yield handle
    for key in client.scan_iter(f"*:{handle.prefix}*", count=1000):
        client.delete(key)
    client.close()


def payment(number: int, event_us: int) -> Transaction:
    return Transaction(f"t{number}", event_us, "U1", "M1", 1_000, card_hash="k1:a", device_id="D1")


def test_reading_sees_only_what_is_strictly_before_and_inside_the_window(recents: Recents) -> None:
    day = 24 * US_PER_HOUR
    for number, at in enumerate((NOON - day, NOON - day + 1, NOON - 1, NOON, NOON + 1)):
        recents.send(recents.own(payment(number, at)), "add")
    assert recents.ids(recents.own(payment(9, NOON))) == ["t1", "t2"]
    assert recents.ids(recents.own(payment(9, NOON)), "merchant") == ["t2"]


def test_a_decision_reads_before_it_adds_and_a_retry_reads_the_same(recents: Recents) -> None:
    recents.send(recents.own(payment(1, NOON - 5)), "add")
    scored = recents.own(payment(2, NOON))
    assert recents.ids(scored, mode="read_add") == ["t1"]
    assert recents.ids(scored, mode="read_add") == ["t1"]
    assert recents.ids(replace(scored, event_us=NOON + 9), mode="read_add") == ["t1"]
    assert recents.ids(recents.own(payment(3, NOON + 1))) == ["t1", "t2"]


def test_the_first_write_of_an_identifier_wins(recents: Recents) -> None:
    first = recents.own(payment(1, NOON - 5))
    recents.send(first, "read_add")
    recents.send(replace(first, amount_cents=9, event_us=NOON - 3), "add")
    events = recents.send(recents.own(payment(2, NOON)), "read").by_entity["user"].events
    assert [(event.amount_cents, event.event_us) for event in events] == [(1_000, NOON - 5)]


def test_old_events_are_dropped_behind_the_newest_and_the_loss_is_told(recents: Recents) -> None:
    day = 24 * US_PER_HOUR
    recents.send(recents.own(payment(1, NOON)), "add")
    recents.send(recents.own(payment(2, NOON + day + SLACK_US - 1)), "add")
    assert recents.ids(recents.own(payment(9, NOON + 1))) == ["t1"]
    recents.send(recents.own(payment(3, NOON + day + SLACK_US)), "add")
    late = recents.send(recents.own(payment(9, NOON + 1)), "read").by_entity["user"]
    assert late.events == []
    assert late.truncated
    now = recents.send(recents.own(payment(10, NOON + day + SLACK_US + 1)), "read").by_entity["user"]
    assert [event.transaction_id for event in now.events] == ["t2", "t3"]
    assert not now.truncated
    # a replay of what was dropped changes nothing
    recents.send(recents.own(payment(1, NOON)), "add")
    assert recents.ids(recents.own(payment(10, NOON + day + SLACK_US + 1))) == ["t2", "t3"]
    key, payloads = recent_keys("user", recents.own(payment(1, NOON)).user_id)
    assert recents.client.zcard(key) == 2
    assert recents.client.hlen(payloads) == 2 + 1


def test_a_request_of_another_year_ends_nobodys_windows(recents: Recents) -> None:
    year = 365 * 24 * US_PER_HOUR
    for number in (1, 2):
        recents.send(recents.own(payment(number, NOON + number)), "add")
    recents.send(recents.own(payment(3, NOON + 70 * year)), "read_add")
    for number in (4, 5):
        recents.send(recents.own(payment(number, NOON + number)), "add")
    seen = recents.send(recents.own(payment(9, NOON + 9)), "read_add").by_entity["user"]
    assert [event.transaction_id for event in seen.events] == ["t1", "t2", "t4", "t5"]
    assert not seen.truncated


def test_a_first_request_of_another_year_leaves_room_for_the_stream(recents: Recents) -> None:
    """With and without a decision's payment first: what the stream brings is the same."""
    year = 365 * 24 * US_PER_HOUR
    recents.send(recents.own(payment(1, NOON + 70 * year)), "read_add")
    recents.send(recents.own(payment(2, NOON)), "read_add")
    recents.send(recents.own(payment(3, NOON + 1)), "add")
    seen = recents.send(recents.own(payment(9, NOON + 9)), "read").by_entity["user"]
    assert [event.transaction_id for event in seen.events] == ["t2", "t3"]
    assert not seen.truncated


def test_after_a_pause_a_decision_sees_the_decision_before_it(recents: Recents) -> None:
    day = 24 * US_PER_HOUR
    recents.send(recents.own(payment(1, NOON)), "add")
    recents.send(recents.own(payment(2, NOON + 9 * day)), "read_add")
    assert recents.ids(recents.own(payment(3, NOON + 9 * day + 5)), mode="read_add") == ["t2"]


def test_the_stream_expires_what_a_decision_added_first(recents: Recents) -> None:
    day = 24 * US_PER_HOUR
    late = recents.own(payment(2, NOON + day + SLACK_US))
    recents.send(recents.own(payment(1, NOON)), "read_add")
    recents.send(late, "read_add")
    assert recents.ids(recents.own(payment(9, NOON + 1))) == ["t1"]
    recents.send(late, "add")  # the same payment by the topic: nothing new but its time
    assert recents.send(recents.own(payment(9, NOON + 1)), "read").by_entity["user"].truncated
    assert recents.ids(recents.own(payment(9, NOON + day + SLACK_US + 1))) == ["t2"]


def test_looking_only_leaves_nothing(recents: Recents) -> None:
    transaction = recents.own(payment(1, NOON))
    recents.send(transaction, "read")
    assert not recents.client.exists(*recent_keys("user", transaction.user_id))


def test_the_count_is_bounded_and_the_loss_is_told(recents: Recents) -> None:
    for number in range(12):
        recents.send(recents.own(payment(number, NOON + number)), "add", p2="10")
    held = recents.send(recents.own(payment(99, NOON + 100)), "read").by_entity["user"]
    assert [event.transaction_id for event in held.events] == [f"t{n}" for n in range(2, 12)]
    assert held.truncated
    scored = recents.own(payment(99, NOON + 100))
    assert "user_recent_truncated" in compute_features(scored, recents.send(scored, "read"), Profiles(), SETTINGS).flags


def test_more_events_than_one_unpack_holds_are_all_returned(recents: Recents) -> None:
    pipeline = recents.client.pipeline(transaction=False)
    for number in range(1_700):
        call = recent_call(recents.own(payment(number, NOON + number)), "add")
        recents.script(keys=list(call.keys), args=list(call.args), client=pipeline)
    pipeline.execute()
    assert len(recents.ids(recents.own(payment(9_999, NOON + 5_000)))) == 1_700


def test_keys_expire(recents: Recents) -> None:
    transaction = recents.own(payment(1, NOON))
    recents.send(transaction, "add")
    for key in recent_keys("user", transaction.user_id):
        assert RECENT_EXPIRY_SECONDS - 60 < recents.client.ttl(key) <= RECENT_EXPIRY_SECONDS


@pytest.mark.parametrize("seed", range(4))
def test_vectors_from_redis_equal_the_reference(recents: Recents, seed: int) -> None:
    """History through feature_writer in order of arrival, then each payment of the last hour scored as the API does."""
    history = sample_history(seed, 250, days=2)
    payments = [recents.own(transaction) for transaction in history.transactions]
    newest = max(transaction.event_us for transaction in payments)
    live = [t for t in {t.transaction_id: t for t in reversed(payments)}.values() if t.event_us > newest - SLACK_US]
    live_ids = {transaction.transaction_id for transaction in live}
    Random(seed).shuffle(live)
    past = [transaction for transaction in payments if transaction.transaction_id not in live_ids]
    logins = [replace(login, user_id=recents.prefix + login.user_id) for login in history.logins]
    for call in map(login_call, logins):
        recents.script(keys=list(call.keys), args=list(call.args))
    for transaction in past + past[::3]:
        recents.send(transaction, "add")
    for transaction in sorted(live, key=lambda t: t.event_us):
        # the feature writer may meet a payment before or after the API does
        if transaction.amount_cents % 2:
            recents.send(transaction, "add")
    kyc = [replace(change, user_id=recents.prefix + change.user_id) for change in history.kyc]
    reference = Reference([*past, *live], history.labels, logins, SETTINGS, kyc)
    for transaction in sorted(live, key=lambda t: t.event_us):
        pipeline = recents.client.pipeline(transaction=False)
        call = recent_call(transaction)
        boundary = boundary_us(transaction.event_us, SETTINGS)
        recents.script(keys=list(call.keys), args=list(call.args), client=pipeline)
        for entity, key in zip(PROFILE_ENTITIES, profile_keys(transaction)[::2], strict=True):
            if (entity_id := transaction.entity_id(entity)) is not None:
                profile = reference.profile(entity, entity_id, boundary)
                recents.client.set(key, pack_profiles(entity, [profile]))
        pipeline.mget(profile_keys(transaction))
        answer, payloads = pipeline.execute()
        got = compute_features(
            transaction, parse_recent(call, answer), parse_profiles(transaction, payloads, SETTINGS), SETTINGS
        )
        want = UserFeatures.from_values(reference.vector(transaction))
        assert got.flags == ()
        assert got.missing == want.missing
        for feature, ours, theirs in zip(FEATURES, got.values, want.values, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9), feature.name
