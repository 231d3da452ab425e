from dataclasses import replace

from fraud_features import (
    FeatureSettings,
    Login,
    RecentEvents,
    RecentLogins,
    Transaction,
    boundary_us,
    compute_features,
    describe_profiles,
    empty_profile,
    login_call,
    parse_profiles,
    parse_recent,
    profile_entries,
    profile_keys,
    profile_query,
    recent_call,
)
from fraud_features.features import PROFILE_ENTITIES, US_PER_DAY, profile_features
from fraud_features.profile import HABIT_COLUMNS, PROFILE_COLUMNS, SET_COLUMNS
from fraud_features.redis_layout import pack_event, pack_profiles, profile_from_row, unpack_events, unpack_profiles

SETTINGS = FeatureSettings()
PAYMENT = Transaction("t1", 1_763_733_600_000_001, "U:1", "M1", 50_000, device_id="D1", latitude=0.1, channel="POS")
PAYMENT = replace(PAYMENT, merchant_category_code="5411")
LOGIN = Login("l1", PAYMENT.event_us - 1, "U:1", "FAILURE")
BOUNDARY = boundary_us(PAYMENT.event_us, SETTINGS)


def test_an_event_survives_packing() -> None:
    assert unpack_events([pack_event(PAYMENT.as_recent()).encode()]) == [PAYMENT.as_recent()]


def test_a_call_names_the_entities_that_the_payment_has() -> None:
    call = recent_call(PAYMENT, "add")
    assert call.entities == ("user", "device", "merchant")
    assert call.keys[:2] == ("recent:user:U:1", "recent:user.payload:U:1")
    assert call.args[:3] == ("add", "t1", "1763733600000001")
    assert len(call.args) == 5 + 3 * 3


def test_an_answer_is_read_per_entity_with_its_truncation() -> None:
    call = recent_call(PAYMENT)
    payload = pack_event(PAYMENT.as_recent()).encode()
    attempt = pack_event(LOGIN.as_recent()).encode()
    recent = parse_recent(call, [[0, payload], [1], [0], [0, attempt]])
    assert recent.logins == RecentLogins([LOGIN.as_recent()])
    assert call.keys[-2:] == ("recent:login:U:1", "recent:login.payload:U:1")
    assert recent.by_entity["user"].events == [PAYMENT.as_recent()]
    assert recent.by_entity["device"].truncated
    assert "card" not in recent.by_entity


def test_a_payment_only_reads_the_logins() -> None:
    call = recent_call(PAYMENT, "read_add")
    assert call.entities[-1] == "login"
    assert call.args[-1] == "0"
    assert "login" not in recent_call(PAYMENT, "add").entities
    kept = login_call(LOGIN)
    assert kept.keys == call.keys[-2:]
    assert kept.args[:4] == ("add", "l1", str(LOGIN.event_us), f'["l1",{LOGIN.event_us},true]')


def test_profiles_survive_packing_newest_first() -> None:
    full = replace(empty_profile("user", BOUNDARY), sets={name: frozenset({"a", "ü"}) for name in SET_COLUMNS["user"]})
    full = replace(full, values={**full.values, PROFILE_COLUMNS["user"][0]: 0.1 + 0.2})
    full = replace(full, habits=dict.fromkeys(HABIT_COLUMNS["user"], (0, 7, 2)))
    old = replace(
        empty_profile("user", BOUNDARY - US_PER_DAY),
        sets={name: frozenset() for name in SET_COLUMNS["user"]},
        habits=dict.fromkeys(HABIT_COLUMNS["user"], ()),
    )
    assert unpack_profiles("user", pack_profiles("user", [old, full])) == (full, old)
    assert list(describe_profiles("user", pack_profiles("user", [old]))) == ["2025-11-20"]


def test_a_profile_of_another_layout_is_not_read() -> None:
    assert unpack_profiles("merchant", pack_profiles("user", [empty_profile("user", BOUNDARY)])) == ()
    assert unpack_profiles("user", None) == ()


def test_rows_of_gold_become_entries_and_a_profile_for_the_unknown() -> None:
    profile = empty_profile("merchant", BOUNDARY)
    numbers = [profile.values[name] for name in PROFILE_COLUMNS["merchant"]]
    rows = [[f"M{n}", date_of(b), *numbers] for n in (1, 2) for b in (BOUNDARY, BOUNDARY - US_PER_DAY)]
    entries = dict(profile_entries("merchant", rows))
    assert list(entries) == ["merchant_features:M1", "merchant_features:M2", "merchant_features:"]
    assert entries["merchant_features:"] == entries["merchant_features:M1"]
    assert list(profile_entries("merchant", [])) == []
    assert profile_from_row("merchant", rows[0]) == profile


def test_status_tells_fresh_stale_unknown_and_missing_apart() -> None:
    user = pack_profiles("user", [empty_profile("user", BOUNDARY)])
    old = pack_profiles("merchant", [empty_profile("merchant", BOUNDARY - US_PER_DAY)])
    assert profile_keys(PAYMENT) == (
        "user_features:U:1",
        "user_features:",
        "merchant_features:M1",
        "merchant_features:",
        "category_features:5411",
        "category_features:",
    )
    found = parse_profiles(PAYMENT, [None, user, old, None, None, None], SETTINGS)
    assert found.statuses == {"user": "fresh", "merchant": "stale", "category": "missing"}
    assert list(found.by_entity) == ["user"]


def test_a_payment_without_a_category_has_no_profile_of_one_and_no_flag() -> None:
    nameless = replace(PAYMENT, merchant_category_code="")
    user, merchant, category = (pack_profiles(entity, [empty_profile(entity, BOUNDARY)]) for entity in PROFILE_ENTITIES)
    assert profile_keys(nameless)[4:] == ("category_features:", "category_features:")
    found = parse_profiles(nameless, [None, user, None, merchant, category, category], SETTINGS)
    features = compute_features(nameless, RecentEvents.empty(), found, SETTINGS)
    assert "category_profile_missing" not in features.flags
    assert {f.name for f in profile_features("category")} <= set(features.missing)


def test_the_query_reads_every_column_in_order() -> None:
    query = profile_query("user")
    assert query.startswith("select user_id, as_of, user_transactions_count_7d")
    assert query.endswith("from delta.gold.mart_user_profile_current order by user_id, as_of desc")


def date_of(boundary: int) -> object:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(boundary / 1e6, UTC).date()
