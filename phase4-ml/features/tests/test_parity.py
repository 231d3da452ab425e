"""The online computation against the plain reference: golden rows first, then random histories."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_features import (
    FeatureSettings,
    KycChange,
    Label,
    Login,
    Profiles,
    Recent,
    RecentEvents,
    RecentLogins,
    Transaction,
    UserFeatures,
    boundary_us,
    compute_features,
)
from fraud_features.features import FEATURES, US_PER_DAY, US_PER_HOUR, WINDOW_ENTITIES
from fraud_features.histories import START_US, sample_history
from fraud_features.reference import Reference

SETTINGS = FeatureSettings()
NOON = START_US + 12 * US_PER_HOUR
MINUTE = 60_000_000


def payment(number: int, event_us: int, **fields: object) -> Transaction:
    basis = Transaction(f"t{number}", event_us, "U1", "M1", 1_000, card_hash="k1:aa", device_id="D1", country="DE")
    return replace(basis, **fields)  # type: ignore[arg-type]


def online(reference: Reference, transaction: Transaction) -> UserFeatures:
    """What the API computes when Redis holds everything the reference knows."""
    recent = {
        entity: Recent(
            [
                other.as_recent()
                for other in reference.transactions
                if other.entity_id(entity) is not None and other.entity_id(entity) == transaction.entity_id(entity)
            ]
        )
        for entity in WINDOW_ENTITIES
    }
    boundary = boundary_us(transaction.event_us, reference.settings)
    profiles = Profiles.of(
        reference.profile("user", transaction.user_id, boundary),
        reference.profile("merchant", transaction.merchant_id, boundary),
        reference.profile("category", category, boundary) if (category := transaction.entity_id("category")) else None,
    )
    logins = RecentLogins([x.as_recent() for x in reference.logins if x.user_id == transaction.user_id])
    return compute_features(transaction, RecentEvents(recent, logins), profiles, reference.settings)


def assert_same(reference: Reference, transaction: Transaction) -> UserFeatures:
    got, want = online(reference, transaction), UserFeatures.from_values(reference.vector(transaction))
    assert got.missing == want.missing
    for feature, ours, theirs in zip(FEATURES, got.values, want.values, strict=True):
        if feature.dtype == "float":
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9), feature.name
        else:
            assert ours == theirs, feature.name
    return got


def golden(
    past: list[Transaction],
    scored: Transaction,
    labels: Sequence[Label] = (),
    logins: Sequence[Login] = (),
    kyc: Sequence[KycChange] = (),
) -> dict[str, float]:
    """The vector of a payment, agreed by both engines."""
    return assert_same(Reference([*past, scored], labels, logins, kyc=kyc), scored).to_dict()


def test_a_first_payment_has_no_history() -> None:
    values = golden([], payment(1, NOON))
    assert values["user_transactions_count_24h"] == 0
    assert values["user_seconds_since_last_24h"] == 86_400
    assert values["user_amount_mean_30d"] == -1
    assert values["user_merchant_new_90d"] == 1
    assert values["merchant_known_frauds_rate_30d"] == pytest.approx(0.005)
    assert values["merchant_known_frauds_days_since_90d"] == 90


@pytest.mark.parametrize(("gap", "counted"), [(1, 1), (MINUTE - 1, 1), (MINUTE, 0), (MINUTE + 1, 0), (0, 0), (-1, 0)])
def test_a_window_is_open_at_both_ends(gap: int, counted: int) -> None:
    assert golden([payment(1, NOON - gap)], payment(2, NOON))["user_transactions_count_1m"] == counted


def test_payments_of_the_same_microsecond_do_not_see_each_other() -> None:
    values = golden([payment(1, NOON), payment(2, NOON)], payment(3, NOON))
    assert values["user_transactions_count_1h"] == 0
    assert values["merchant_transactions_count_1h"] == 0


def test_the_first_of_an_identifier_counts_and_later_ones_do_not() -> None:
    first, again = payment(1, NOON - MINUTE), payment(1, NOON - 30 * MINUTE, amount_cents=99_900)
    assert golden([first, again], payment(2, NOON))["user_amount_sum_1h"] == 10


def test_a_payment_that_arrives_late_counts_where_it_belongs() -> None:
    late = payment(9, NOON - 5 * MINUTE)
    assert golden([payment(1, NOON + MINUTE), late], payment(2, NOON))["user_transactions_count_1h"] == 1


def test_the_last_place_is_the_one_of_the_greatest_identifier_at_a_tie() -> None:
    berlin = {"latitude": 52.52, "longitude": 13.405}
    near = payment(2, NOON - US_PER_HOUR, latitude=52.40, longitude=13.06)
    far = payment(1, NOON - US_PER_HOUR, latitude=48.85, longitude=2.35)
    nowhere = payment(3, NOON - MINUTE)
    values = golden([near, far, nowhere], payment(4, NOON, **berlin))
    assert values["user_speed_kmh_last_24h"] == pytest.approx(26.9, abs=0.2)
    assert values["user_seconds_since_last_24h"] == 60


def test_speed_is_capped_and_missing_without_a_place() -> None:
    paris = payment(1, NOON - 1, latitude=48.85, longitude=2.35)
    assert golden([paris], payment(2, NOON, latitude=-33.9, longitude=151.2))["user_speed_kmh_last_24h"] == 20_000
    assert golden([paris], payment(2, NOON))["user_speed_kmh_last_24h"] == -1
    assert golden([paris], payment(2, NOON, latitude=float("nan"), longitude=0.0))["user_speed_kmh_last_24h"] == -1


def test_a_missing_card_or_device_shares_no_window() -> None:
    values = golden([payment(1, NOON - 1, card_hash=None)], payment(2, NOON, card_hash=None))
    assert values["card_transactions_count_1h"] == -1
    assert values["user_transactions_count_1h"] == 1


def test_two_users_on_one_device_are_seen() -> None:
    values = golden([payment(1, NOON - 1, user_id="U2"), payment(2, NOON - 2)], payment(3, NOON))
    assert values["device_users_distinct_1h"] == 2


@pytest.mark.parametrize(
    ("gap", "short", "long"),
    [
        (1, 1, 1),
        (10 * MINUTE - 1, 1, 1),
        (10 * MINUTE, 0, 1),
        (US_PER_DAY - 1, 0, 1),
        (US_PER_DAY, 0, 0),
        (0, 0, 0),
        (-1, 0, 0),
    ],
)
def test_failed_logins_of_the_user_are_counted(gap: int, short: int, long: int) -> None:
    failed = Login("l1", NOON - gap, "U1", "FAILURE")
    others = [replace(failed, login_id="l2", outcome=None), replace(failed, login_id="l3", user_id="U2")]
    values = golden([], payment(1, NOON), logins=[*others, failed, replace(failed, event_us=NOON - 2)])
    assert values["user_failed_logins_count_10m"] == short
    assert values["user_failed_logins_count_24h"] == long


def test_the_first_of_a_login_counts() -> None:
    met = Login("l1", NOON - 2, "U1", "SUCCESS")
    again = replace(met, outcome="FAILURE")
    assert golden([], payment(1, NOON), logins=[met, again])["user_failed_logins_count_10m"] == 0
    assert golden([], payment(1, NOON), logins=[again, met])["user_failed_logins_count_10m"] == 1
    locked = replace(met, outcome="LOCKED")
    assert golden([], payment(1, NOON), logins=[locked])["user_failed_logins_count_10m"] == 1


def test_the_profile_ends_at_the_last_midnight_before_the_lag() -> None:
    midnight = START_US + 10 * US_PER_DAY
    past = [payment(1, midnight - 1, amount_cents=100), payment(2, midnight, amount_cents=300)]
    just_before = golden(past, payment(3, midnight + 2 * US_PER_HOUR - 1))
    just_after = golden(past, payment(3, midnight + 2 * US_PER_HOUR))
    assert just_before["user_transactions_count_7d"] == 0
    assert just_after["user_transactions_count_7d"] == 1
    assert just_after["user_amount_mean_7d"] == 1.0


@pytest.mark.parametrize(("days", "known"), [(7, 1), (8, 0)])
def test_profile_windows_hold_whole_days(days: int, known: int) -> None:
    boundary = START_US + 20 * US_PER_DAY
    past = [payment(1, boundary - days * US_PER_DAY)]
    assert golden(past, payment(2, boundary + 5 * US_PER_HOUR))["user_transactions_count_7d"] == known


def test_deviation_from_the_users_own_amounts() -> None:
    boundary = START_US + 20 * US_PER_DAY
    past = [payment(n, boundary - n * US_PER_DAY, amount_cents=cents) for n, cents in enumerate((1_000, 3_000), 1)]
    values = golden(past, payment(9, boundary + 5 * US_PER_HOUR, amount_cents=6_000))
    assert values["user_amount_mean_30d"] == 20
    assert values["user_amount_std_30d"] == 10
    assert values["user_amount_zscore_30d"] == 4
    assert values["user_amount_ratio_30d"] == 3
    assert values["user_amount_max_90d"] == 30
    assert values["user_days_active_30d"] == 2


def test_the_level_of_the_category_is_over_all_its_merchants() -> None:
    boundary = START_US + 40 * US_PER_DAY
    grocer = {"merchant_category_code": "5411"}
    past = [
        payment(1, boundary - 1, user_id="U2", merchant_id="M2", amount_cents=1_000, **grocer),
        payment(2, boundary - 7 * US_PER_DAY, user_id="U3", merchant_id="M3", amount_cents=3_000, **grocer),
        payment(3, boundary - 7 * US_PER_DAY - 1, user_id="U3", merchant_id="M3", amount_cents=8_000, **grocer),
        payment(4, boundary - 30 * US_PER_DAY - 1, **grocer),
        payment(5, boundary - 1, merchant_category_code="5944"),
        payment(6, boundary - 1),
        payment(7, boundary, **grocer),
    ]
    values = golden(past, payment(9, boundary + 5 * US_PER_HOUR, amount_cents=6_000, **grocer))
    assert values["category_transactions_count_7d"] == 2
    assert values["category_amount_mean_7d"] == 20
    assert values["category_amount_ratio_7d"] == 3
    assert values["category_amount_zscore_7d"] == 4
    assert values["category_transactions_count_30d"] == 3
    assert values["category_amount_mean_30d"] == 40


@pytest.mark.parametrize("category", [None, ""])
def test_a_payment_without_a_category_has_no_level_of_one(category: str | None) -> None:
    boundary = START_US + 40 * US_PER_DAY
    past = [payment(1, boundary - 1, merchant_category_code=category)]
    scored = payment(9, boundary + 5 * US_PER_HOUR, merchant_category_code=category)
    got = assert_same(Reference([*past, scored], []), scored)
    assert {f.name for f in FEATURES if f.entity == "category"} <= set(got.missing)
    assert got.to_dict()["category_transactions_count_7d"] == -1


BOUNDARY = START_US + 100 * US_PER_DAY
SCORED = payment(9, BOUNDARY + 5 * US_PER_HOUR)


def told(number: int, known_us: int, change_type: str | None = "VERIFIED", since_us: int | None = None) -> KycChange:
    return KycChange(f"k{number}", known_us, "U1", change_type, since_us)


def test_nothing_is_known_of_a_customer_without_a_kyc_record() -> None:
    names = {f.name for f in FEATURES if f.source == "kyc"}
    others = [replace(told(1, BOUNDARY - 1), user_id="U2"), told(2, BOUNDARY)]
    got = assert_same(Reference([SCORED], [], kyc=others), SCORED)
    assert names <= set(got.missing)
    assert {got.to_dict()[name] for name in names} == {-1}


def test_kyc_ages_count_from_the_first_record_and_from_when_the_customer_came() -> None:
    opened = told(1, BOUNDARY - 40 * US_PER_DAY, "OPENED", BOUNDARY - 400 * US_PER_DAY)
    values = golden([], SCORED, kyc=[told(2, BOUNDARY - 3 * US_PER_DAY), opened])
    assert values["user_kyc_age"] == 40
    assert values["user_kyc_changes_days_since"] == 3
    # the newest record does not say it
    assert values["user_customer_age"] == -1
    assert golden([], SCORED, kyc=[opened])["user_customer_age"] == 400
    ahead = replace(opened, customer_since_us=BOUNDARY + 1)
    assert golden([], SCORED, kyc=[ahead])["user_customer_age"] == 0


def test_a_kyc_record_counts_from_the_first_boundary_after_it_became_known() -> None:
    opened = told(1, BOUNDARY - 200 * US_PER_DAY, "OPENED")
    before = golden([], SCORED, kyc=[opened, told(2, BOUNDARY - 1, "PHONE_CHANGED")])
    at = golden([], SCORED, kyc=[opened, told(2, BOUNDARY, "PHONE_CHANGED")])
    names = ("user_kyc_changes_count_30d", "user_kyc_changes_count_90d", "user_contact_changes_count_30d")
    assert [before[name] for name in names] == [1, 1, 1]
    assert [at[name] for name in names] == [0, 0, 0]
    assert at["user_kyc_changes_days_since"] == 200


@pytest.mark.parametrize(("days", "short", "long"), [(30, 1, 1), (31, 0, 1), (90, 0, 1), (91, 0, 0)])
def test_kyc_changes_are_counted_over_whole_days(days: int, short: int, long: int) -> None:
    records = [told(1, BOUNDARY - 200 * US_PER_DAY), told(2, BOUNDARY - days * US_PER_DAY)]
    values = golden([], SCORED, kyc=records)
    assert (values["user_kyc_changes_count_30d"], values["user_kyc_changes_count_90d"]) == (short, long)
    assert values["user_contact_changes_count_30d"] == 0


def test_the_first_kyc_record_is_no_change_and_the_greatest_identifier_of_a_moment_the_newest() -> None:
    moment = BOUNDARY - 5 * US_PER_DAY
    records = [told(2, moment, since_us=BOUNDARY - 7 * US_PER_DAY), told(1, moment, since_us=BOUNDARY - US_PER_DAY)]
    values = golden([], SCORED, kyc=records)
    assert values["user_kyc_changes_count_30d"] == 1
    assert values["user_customer_age"] == 7
    # the second message of an identifier does not count
    assert golden([], SCORED, kyc=[*records, told(2, BOUNDARY - 1)])["user_kyc_changes_days_since"] == 5


def fraud(transaction: Transaction, known_us: int, is_fraud: bool = True) -> Label:
    user_id, merchant_id = transaction.user_id, transaction.merchant_id
    return Label(transaction.transaction_id, user_id, merchant_id, transaction.event_us, known_us, is_fraud)


def test_a_label_counts_from_the_first_boundary_after_it_became_known() -> None:
    boundary = START_US + 20 * US_PER_DAY
    victim, scored = payment(1, boundary - 3 * US_PER_DAY), payment(2, boundary + 5 * US_PER_HOUR)
    before = golden([victim], scored, [fraud(victim, boundary - 1)])
    at = golden([victim], scored, [fraud(victim, boundary)])
    assert before["merchant_known_frauds_count_7d"] == 1
    assert before["user_known_frauds_count_90d"] == 1
    assert before["merchant_known_frauds_days_since_90d"] == 3
    assert at["merchant_known_frauds_count_7d"] == 0


def test_a_correction_counts_from_its_own_known_time() -> None:
    boundary = START_US + 20 * US_PER_DAY
    victim, scored = payment(1, boundary - 3 * US_PER_DAY), payment(2, boundary + 5 * US_PER_HOUR)
    labels = [fraud(victim, boundary - 2), fraud(victim, boundary - 1, is_fraud=False)]
    assert golden([victim], scored, labels)["merchant_known_frauds_count_7d"] == 0
    later = [labels[0], replace(labels[1], known_us=boundary)]
    assert golden([victim], scored, later)["merchant_known_frauds_count_7d"] == 1


def test_a_rate_looks_at_mature_payments_and_frauds_already_known() -> None:
    boundary = START_US + 40 * US_PER_DAY
    mature = [payment(n, boundary - 7 * US_PER_DAY - n) for n in range(1, 11)]
    young = [payment(20 + n, boundary - US_PER_DAY - n) for n in range(5)]
    values = golden([*mature, *young], payment(99, boundary + 5 * US_PER_HOUR), [fraud(young[0], boundary - 5)])
    assert values["merchant_known_frauds_rate_30d"] == pytest.approx((1 + 0.1) / (10 + 1 + 20))


def test_a_mature_rate_looks_at_the_days_before_labels_are_complete() -> None:
    complete = START_US + 40 * US_PER_DAY
    scored = payment(99, complete + 7 * US_PER_DAY + 5 * US_PER_HOUR)
    edges = [payment(1, complete), payment(2, complete - 1), payment(3, complete - 7 * US_PER_DAY)]
    outside = payment(4, complete - 7 * US_PER_DAY - 1)
    labels = [fraud(each, complete + US_PER_DAY) for each in (edges[0], edges[1], outside)]
    values = golden([*edges, outside], scored, labels)
    assert values["merchant_mature_frauds_rate_7d"] == pytest.approx((1 + 0.1) / (2 + 20))
    assert values["merchant_mature_frauds_rate_30d"] == pytest.approx((2 + 0.1) / (3 + 20))


def test_a_run_of_frauds_ends_where_none_was_known_for_a_week() -> None:
    boundary = START_US + 60 * US_PER_DAY
    ages = (40 * US_PER_DAY, 20 * US_PER_DAY, 13 * US_PER_DAY, 6 * US_PER_DAY - 1)
    victims = [payment(n, boundary - age) for n, age in enumerate(ages)]
    scored = payment(9, boundary + 5 * US_PER_HOUR)
    values = golden(victims, scored, [fraud(each, boundary - 1) for each in victims])
    # a week and a microsecond lie between the newest two
    assert values["merchant_fraud_run_length_90d"] == 1
    assert values["merchant_fraud_run_age_90d"] == pytest.approx(6, abs=1e-6)
    victims[3] = payment(3, boundary - 6 * US_PER_DAY)
    values = golden(victims, scored, [fraud(each, boundary - 1) for each in victims])
    assert values["merchant_fraud_run_length_90d"] == 3
    assert values["merchant_fraud_run_age_90d"] == 20
    nothing = golden(victims, scored)
    assert (nothing["merchant_fraud_run_length_90d"], nothing["merchant_fraud_run_age_90d"]) == (0, 90)


def test_habits_are_the_hours_and_weekdays_of_the_profile() -> None:
    boundary = START_US + 90 * US_PER_DAY
    at = (23, 0, 1, 2, 12)
    past = [payment(n, boundary - 7 * n * US_PER_DAY + hour * US_PER_HOUR) for n, hour in enumerate(at, 1)]
    values = golden(past, payment(9, boundary + 24 * US_PER_HOUR - 1))
    # 23:59 has 22, 23 and 0 o'clock beside it; every past payment was on the boundary's day of the week
    assert values["user_hour_share_90d"] == pytest.approx(2 / 5)
    assert values["user_weekday_share_90d"] == 1
    assert golden(past, payment(9, boundary + 48 * US_PER_HOUR - 1))["user_weekday_share_90d"] == 0
    assert golden([], payment(9, boundary))["user_hour_share_90d"] == -1


def test_a_merchant_is_new_until_it_was_paid() -> None:
    boundary = START_US + 95 * US_PER_DAY
    scored = payment(9, boundary + 5 * US_PER_HOUR)
    assert golden([payment(1, boundary - 90 * US_PER_DAY)], scored)["user_merchant_new_90d"] == 0
    assert golden([payment(1, boundary - 90 * US_PER_DAY - 1)], scored)["user_merchant_new_90d"] == 1
    assert golden([payment(1, scored.event_us - 1)], scored)["user_merchant_new_90d"] == 0
    assert golden([payment(1, scored.event_us - 1, device_id=None)], scored)["user_device_new_90d"] == 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60), days=st.sampled_from((1, 3, 30, 120)))
def test_online_equals_the_reference_on_random_histories(seed: int, size: int, days: int) -> None:
    history = sample_history(seed, size, days)
    reference = Reference(history.transactions, history.labels, history.logins, SETTINGS, history.kyc)
    for transaction in reference.transactions:
        assert_same(reference, transaction)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    cut=st.integers(0, 130 * 24).map(lambda hours: START_US + hours * US_PER_HOUR),
    lag=st.sampled_from((0, 2, 23)),
    maturity=st.sampled_from((0, 7, 45)),
)
def test_what_becomes_known_later_changes_no_earlier_vector(seed: int, cut: int, lag: int, maturity: int) -> None:
    """A payment or login is known at its event time, a label or KYC record at its known time: nothing from ``cut`` on
    enters."""
    history = sample_history(seed, 60)
    chosen = FeatureSettings(lag, maturity)
    everything = Reference(history.transactions, history.labels, history.logins, chosen, history.kyc)
    known = Reference(
        [t for t in everything.transactions if t.event_us < cut],
        [x for x in history.labels if x.known_us < cut],
        [x for x in history.logins if x.event_us < cut],
        chosen,
        [x for x in everything.kyc if x.known_us < cut],
    )
    for transaction in [*known.transactions, payment(1_000, cut)]:
        assert online(everything, transaction) == online(known, transaction)
