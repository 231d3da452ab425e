"""Sign-ins show what they claim: honest ones on the payer's device, storms, and takeovers on the device that pays."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from fraud_contracts import LOGINS, TRANSACTIONS
from fraud_producer.simulator.kinds.day import HOUR_US, MINUTE_US
from fraud_producer.simulator.kinds.logins import SIGNS_IN, logins, logins_of_fraud
from fraud_producer.simulator.payments import FRAUD_CODE_START, device_ids
from fraud_producer.simulator.scenarios import SCENARIOS


def records(month: Any) -> list[dict[str, Any]]:
    return [event.record for event in month.by_topic[LOGINS.name]]


def test_most_successes_are_on_a_device_that_pays_within_a_day(month: Any) -> None:
    devices = defaultdict(set)
    for event in month.by_topic[TRANSACTIONS.name]:
        devices[event.key].add(event.record["device_id"])
    successes = [record for record in records(month) if record["outcome"] == "SUCCESS"]
    own = [record for record in successes if record["device_id"] in devices[record["user_id"]]]
    assert len(own) / len(successes) > 0.97
    assert len({record["session_id"] for record in successes}) == len(successes)


def test_only_a_success_has_a_session_and_only_a_failure_a_reason(month: Any) -> None:
    for record in records(month):
        assert (record["session_id"] is not None) == (record["outcome"] == "SUCCESS")
        assert (record["failure_reason"] is not None) == (record["outcome"] in {"FAILURE", "LOCKED"})


def test_people_mistype_and_lock_themselves_out(month: Any) -> None:
    devices = {event.record["device_id"] for event in month.by_topic[TRANSACTIONS.name]}
    honest = Counter(record["outcome"] for record in records(month) if record["device_id"] in devices)
    assert 0.04 < honest["FAILURE"] / honest["SUCCESS"] < 0.5
    assert honest["LOCKED"] > 0
    assert honest["CHALLENGED"] > 0


def test_some_attacks_come_to_nothing(month: Any) -> None:
    day = month.day(20_705)
    paying = {text for text in device_ids(day.payments.device) if text}
    attacks: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for number in range(200):
        for part in logins(np.random.default_rng(number), day):
            columns = (part["ip_hash"], part["device_id"], part["user_id"], part["outcome"], part["event_time"])
            for address, device, user, outcome, moment in zip(*columns, strict=True):
                if device not in paying:
                    attacks[f"{number} {address}"].append((user, outcome, int(moment)))
    brute = [found for found in attacks.values() if len({user for user, _, _ in found}) == 1]
    lists = [found for found in attacks.values() if len({user for user, _, _ in found}) > 10]
    assert len(brute) > 5
    assert len(lists) > 2
    for found in brute:
        assert len(found) >= 15
        in_order = [outcome for _, outcome, _ in sorted(found, key=lambda each: each[2])]
        assert in_order == ["FAILURE"] * (len(found) - 1) + ["LOCKED"]
    for found in lists:
        assert {outcome for _, outcome, _ in found} == {"FAILURE"}
        assert max(moment for *_, moment in found) - min(moment for *_, moment in found) < HOUR_US


def test_a_takeover_signs_in_on_the_device_that_pays_minutes_later(month: Any) -> None:
    storms: Counter[str] = Counter()
    on_own_devices: Counter[str] = Counter()
    for number in range(20_701, 20_721):
        day = month.day(number)
        victims = day.victims.of(SIGNS_IN)
        parts = logins_of_fraud(np.random.default_rng(number), day)
        rows = [
            (user, outcome, device, int(moment), int(cause))
            for part in parts
            for user, outcome, device, moment, cause in zip(
                part["user_id"], part["outcome"], part["device_id"], part["event_time"], part["cause_us"], strict=True
            )
        ]
        texts = device_ids(day.payments.device[victims.first])
        for position in range(len(victims)):
            first = int(victims.first_us[position])
            row = int(victims.first[position])
            mine = [each for each in rows if each[0] == day.users.ids[day.payments.user[row]] and each[4] == first]
            success = [each for each in mine if each[1] == "SUCCESS"]
            assert [each[2] for each in success] == [texts[position]]
            assert 0 < first - success[0][3] <= 45 * MINUTE_US
            failures = [each for each in mine if each[1] == "FAILURE"]
            assert all(each[3] < success[0][3] for each in failures)
            name = SCENARIOS[victims.scenario[position]].name
            if failures:
                storms[name] += 1
                assert len(failures) >= 5
                assert success[0][3] - min(each[3] for each in failures) < HOUR_US
            if day.payments.device[row] < FRAUD_CODE_START:
                assert len(mine) == 1, "nobody guesses on the victim's own phone"
            else:
                on_own_devices[name] += 1
    assert set(storms) == SIGNS_IN
    assert min(storms.values()) > 5
    # the others who take an account over have the password from a phishing page
    assert 0.4 < storms["account_takeover"] / on_own_devices["account_takeover"] < 0.8
    assert storms["brute_force_login"] == on_own_devices["brute_force_login"]


def test_scenarios_that_sign_in_exist() -> None:
    assert {scenario.name for scenario in SCENARIOS} >= SIGNS_IN
