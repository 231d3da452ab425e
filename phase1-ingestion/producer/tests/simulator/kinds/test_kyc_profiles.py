"""Profiles: everybody's at first, whole ones at each change that differ in what changed, and fraud's changes first."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from fraud_contracts import KYC_PROFILES
from fraud_producer.events import cents_of
from fraud_producer.simulator.config import DAY_US
from fraud_producer.simulator.kinds.day import HOUR_US
from fraud_producer.simulator.kinds.kyc_profiles import (
    CHANGES_PHONE,
    DECEIVES_BANK,
    RAISES_INCOME,
    kyc_profiles_of_fraud,
)
from fraud_producer.simulator.kinds.profiles import CHANGES_PER_YEAR, changes_of_day
from fraud_producer.simulator.scenarios import SCENARIOS

CONTACT = {"ADDRESS_CHANGED": "address_hash", "PHONE_CHANGED": "phone_hash", "EMAIL_CHANGED": "email_hash"}


def records(month: Any) -> list[dict[str, Any]]:
    return [event.record for event in month.by_topic[KYC_PROFILES.name]]


def test_everybody_is_known_when_the_world_begins(month: Any) -> None:
    opened = [record for record in records(month) if record["change_type"] == "OPENED"]
    start = month.world.config.start_us
    assert sorted(record["user_id"] for record in opened) == sorted(month.world.users.ids)
    assert all(start <= record["event_time"] < start + 10_000 for record in opened)
    assert all(record["valid_from"] == record["customer_since"] < start for record in opened)
    for name in ("phone_hash", "email_hash"):
        assert len({record[name] for record in opened}) == len(opened)
    # families live together
    assert 0.5 * len(opened) < len({record["address_hash"] for record in opened}) < 0.95 * len(opened)


def test_a_message_is_the_whole_profile_and_differs_in_what_changed(month: Any) -> None:
    newest: dict[str, dict[str, Any]] = {}
    seen: Counter[str] = Counter()
    unchanged = 0
    for record in records(month):
        assert None not in record.values()
        before = newest.get(record["user_id"])
        change = record["change_type"]
        if change in CONTACT:
            assert before is not None
            unchanged += record[CONTACT[change]] == before[CONTACT[change]]
            seen[change] += 1
        newest[record["user_id"]] = record
    assert set(seen) == set(CONTACT)
    # whose account was taken over twice within days gets his number back twice
    assert unchanged < 0.1 * seen.total()


def test_honest_changes_come_at_a_realistic_rate(month: Any) -> None:
    world = month.world
    found: Counter[int] = Counter()
    for day in range(20_000, 20_360):
        _, what, moment = changes_of_day(world.config, world.users, day)
        assert all(day * DAY_US <= each < (day + 1) * DAY_US for each in moment.tolist())
        found.update(what.tolist())
    for position, (name, per_year) in enumerate(CHANGES_PER_YEAR.items()):
        expected = per_year * len(world.users) * 360 / 365
        assert abs(found[position] - expected) < 4 * expected**0.5 + 1, name


def changes(month: Any, *types: str) -> list[tuple[str, int, int, dict[str, Any]]]:
    found = []
    for number in range(20_701, 20_721):
        day = month.day(number)
        for part in kyc_profiles_of_fraud(np.random.default_rng(number), day):
            for row, what in enumerate(part["change_type"]):
                if what in types:
                    values = {name: column[row] for name, column in part.items()}
                    found.append((str(what), int(part["event_time"][row]), int(part["cause_us"][row]), values))
    return found


def test_a_takeover_changes_the_phone_first_and_the_bank_changes_it_back(month: Any) -> None:
    found = changes(month, "PHONE_CHANGED")
    taken = [each for each in found if each[1] < each[2]]
    back = [each for each in found if each[1] > each[2]]
    assert len(taken) == len(back) > 3
    assert all(each[2] - each[1] <= 22 * HOUR_US for each in taken)
    number = {(each[2], each[3]["user_id"]): each[3]["phone_hash"] for each in taken}
    for each in back:
        assert each[3]["phone_hash"] != number[each[2], each[3]["user_id"]]


def test_who_means_to_vanish_declares_more_income_first(month: Any) -> None:
    own = defaultdict(int)
    for record in records(month):
        if record["change_type"] == "OPENED":
            own[record["user_id"]] = cents_of(record["annual_income"])
    raised = changes(month, "INCOME_CHANGED")
    assert raised
    for _, moment, cause, values in raised:
        assert DAY_US // 5 <= cause - moment < DAY_US
        assert cents_of(values["annual_income"]) > 1.3 * own[values["user_id"]]


def test_who_deceived_the_bank_is_rated_high_once_it_knows(month: Any) -> None:
    rated = changes(month, "RISK_CHANGED")
    assert rated
    for _, moment, cause, values in rated:
        assert moment > cause
        assert values["risk_rating"] == "HIGH"


def test_scenarios_that_are_named_exist() -> None:
    assert {scenario.name for scenario in SCENARIOS} >= CHANGES_PHONE | RAISES_INCOME | DECEIVES_BANK
