import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from fraud_features import FEATURE_NAMES, schema_hash
from fraud_serving.predictions.schemas import PredictResponse

pytestmark = pytest.mark.integration
Payment = Callable[..., dict[str, Any]]
DecisionOf = Callable[[str], dict[str, Any]]


class TestAnswers:
    def test_the_minimal_body_pasted_into_a_shell_is_decided(self, api: Any, decision_of: DecisionOf) -> None:
        # As in the README: no Content-Type, so curl sends a form's.
        body = (
            '{"transaction_id":"%s","user_id":"U1234","amount":500,"merchant_id":"sv-curl","is_international":false}'
            % (name := f"sv-{uuid4().hex}")
        )
        key = f"Authorization: {api.headers['Authorization']}"
        done = subprocess.run(
            ["curl", "-sS", f"{api.base_url}/predict", "-H", key, "-d", body], capture_output=True, check=True
        )
        answer = PredictResponse.model_validate_json(done.stdout)
        assert answer.transaction_id == name
        assert answer.mode == "no_model"
        assert any("run make ml-train" in reason for reason in answer.reasons)
        assert decision_of(name)["fraud_probability"] == answer.fraud_probability

    def test_without_a_champion_rules_decide(self, api: Any, payment: Payment) -> None:
        answer = api.predict(**payment(amount=5_000)).json()
        assert answer["model_version"] == "rules-1"
        assert answer["verdict"] == "REVIEW"
        assert answer["reasons"][0] == "high amount: 5,000.00 is above 3,000.00"
        assert "no_model" in answer["flags"]
        # stale where the pipeline has run: Gold's profile of an unknown user is older than this payment
        assert {"user_profile_missing", "user_profile_stale"} & set(answer["flags"])

    def test_velocity_counts_the_earlier_payments_of_the_last_minute(self, api: Any, payment: Payment) -> None:
        answers = [
            api.predict(**payment(event_time=f"2026-03-02T10:00:{10 * number:02d}.5Z")).json() for number in range(5)
        ]
        assert [any("velocity" in reason for reason in answer["reasons"]) for answer in answers] == [False] * 4 + [True]

    def test_impossible_travel_is_told_in_words(self, api: Any, payment: Payment) -> None:
        api.predict(**payment())
        far = api.predict(
            **payment(latitude=40.7, longitude=-74.0, country="US", event_time="2026-03-02T10:30:00Z")
        ).json()
        assert any(reason.startswith("impossible travel: 6,3") for reason in far["reasons"])

    def test_an_absent_time_is_the_time_of_receipt(self, api: Any, payment: Payment, decision_of: DecisionOf) -> None:
        body = payment()
        del body["event_time"]
        api.predict(**body)
        row = decision_of(body["transaction_id"])
        assert abs((row["created_at"] - row["event_time"]).total_seconds()) < 30
        assert "event_time" not in row["request"]
        assert {"event_time_assumed", "recent_not_added"} <= set(row["flags"])

    @pytest.mark.parametrize("when", [None, "2099-01-01T00:00:00Z"])
    def test_a_payment_of_another_time_leaves_the_windows_as_they_were(
        self, api: Any, payment: Payment, decision_of: DecisionOf, when: str | None
    ) -> None:
        first, stranger, later = payment(), payment(event_time=when), payment(event_time="2026-03-02T10:00:30Z")
        stranger = {name: value for name, value in stranger.items() if value is not None}
        for body in (first, stranger, later):
            assert api.predict(**body).status_code == 200
        position = [name.endswith("transactions_count_1m") for name in FEATURE_NAMES].index(True)
        row = decision_of(later["transaction_id"])
        assert row["vector"][position] == 1
        assert "user_recent_truncated" not in row["flags"]


class TestRecords:
    def test_the_record_holds_what_was_known_and_answered(
        self, api: Any, payment: Payment, decision_of: DecisionOf
    ) -> None:
        body = payment()
        answer = api.predict(**body).json()
        row = decision_of(body["transaction_id"])
        assert len(row["vector"]) == len(FEATURE_NAMES)
        assert row["schema_hash"] == schema_hash()
        assert set(row["missing"]) < set(FEATURE_NAMES)
        assert row["request"]["amount"] == "25.50"
        assert {name: row[name] for name in answer if name != "idempotency"} == {
            name: value for name, value in answer.items() if name != "idempotency"
        }

    @pytest.mark.parametrize(
        "change",
        [
            {"amount": 26.5},
            {"merchant_id": "sv-another"},
            {"country": "FR"},
            {"is_international": True},
            {"channel": "ONLINE"},
            {"card_present": False},
            {"merchant_category_code": "5999"},
            {"transaction_type": "TRANSFER"},
            {"device_id": None},
            {"event_time": "2026-03-02T11:00:00Z"},
            {"latitude": -33.9, "longitude": 151.2},
            {"card_hash": None},
        ],
    )
    def test_every_field_that_features_read_reaches_the_vector(
        self, api: Any, payment: Payment, decision_of: DecisionOf, change: dict[str, Any]
    ) -> None:
        # The same history for both, so that windows have something to say: one payment shortly before.
        vectors = []
        for variant in ({}, change):
            mark = uuid4().hex[:10]
            who = {"user_id": f"sv-{mark}", "card_hash": "k1:" + mark.ljust(64, "0"), "device_id": f"sv-{mark}"}
            first = payment(**who, event_time="2026-03-02T09:59:00Z", merchant_id=f"sv-m-{mark}")
            second = payment(**{**who, "merchant_id": f"sv-m-{mark}", **variant})
            for body in (first, second):
                assert api.predict(**body).status_code == 200
            vectors.append(decision_of(second["transaction_id"])["vector"])
        assert vectors[0] != vectors[1]

    def test_the_api_role_can_neither_change_nor_delete(
        self, database: dict[str, str], api: Any, payment: Payment
    ) -> None:
        body = payment()
        api.predict(**body)
        for role, variable in (("fraud_api", "FRAUD_API_DB_PASSWORD"), ("fraud", "FRAUD_DB_PASSWORD")):
            with psycopg.connect(
                host=database["POSTGRES_HOST"],
                port=int(database["POSTGRES_CONNECT_PORT"]),
                dbname="fraud",
                user=role,
                password=database[variable],
                autocommit=True,
            ) as connection:
                for statement in (
                    "UPDATE decisions SET verdict = 'APPROVED'",
                    "DELETE FROM decisions",
                    "TRUNCATE decisions",
                ):
                    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)):
                        connection.execute(statement)

    def test_the_view_has_the_promised_columns(self, database: dict[str, str]) -> None:
        with psycopg.connect(
            host=database["POSTGRES_HOST"],
            port=int(database["POSTGRES_CONNECT_PORT"]),
            dbname="fraud",
            user="fraud_reader",
            password=database["FRAUD_READER_DB_PASSWORD"],
        ) as connection:
            columns = [
                column.name for column in connection.execute("SELECT * FROM predictions LIMIT 0").description or ()
            ]
        assert columns == [
            "transaction_id",
            "user_id",
            "fraud_probability",
            "risk_tier",
            "model_version",
            "latency_ms",
            "created_at",
        ]


class TestIdempotency:
    def test_the_same_body_gets_the_same_answer(self, api: Any, payment: Payment) -> None:
        body = payment()
        first = api.predict(**body)
        again = api.predict(**{**body, "amount": "25.50", "currency": None})
        assert first.json() == again.json()
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"

    def test_another_body_is_a_conflict_that_names_the_difference(self, api: Any, payment: Payment) -> None:
        body = payment()
        api.predict(**body)
        refused = api.predict(**{**body, "amount": 26, "country": "FR"})
        assert refused.status_code == 409
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["detail"].endswith("amount, country")

    def test_a_race_of_one_id_has_one_decision(self, api: Any, payment: Payment, decision_of: DecisionOf) -> None:
        body = payment()
        del body["event_time"]
        with ThreadPoolExecutor(16) as pool:
            answers = [
                future.json()
                for future in [pool.submit(api.predict, **body) for _ in range(16)]
                for future in [future.result()]
            ]
        assert all(answer == answers[0] for answer in answers)
        assert decision_of(body["transaction_id"])["latency_ms"] == answers[0]["latency_ms"]

    def test_a_payment_does_not_see_itself(self, api: Any, payment: Payment, decision_of: DecisionOf) -> None:
        body = payment()
        api.predict(**body)
        later = payment(event_time="2026-03-02T10:00:30Z")
        api.predict(**later)
        api.predict(**body)
        position = [name.endswith("transactions_count_1m") for name in FEATURE_NAMES].index(True)
        assert decision_of(body["transaction_id"])["vector"][position] == 0
        assert decision_of(later["transaction_id"])["vector"][position] == 1
