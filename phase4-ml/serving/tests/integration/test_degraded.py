import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from fraud_contracts import user_features_key
from fraud_features import FEATURE_NAMES, feature

pytestmark = pytest.mark.integration
Payment = Callable[..., dict[str, Any]]


class TestRedis:
    def test_an_unreachable_redis_is_named_and_rules_decide(
        self, start_api: Any, payment: Payment, decision_of: Callable[[str], dict[str, Any]]
    ) -> None:
        with start_api(REDIS_CONNECT_PORT="1") as api:
            body = payment(amount=4_000)
            answer = api.predict(**body)
            assert answer.status_code == 200
            assert answer.json()["mode"] == "no_features"
            assert answer.json()["verdict"] == "REVIEW"
            assert {"user_recent_missing", "user_profile_missing"} <= set(answer.json()["flags"])
            health = api.get("/health")
            assert health.status_code == 200
            assert "redis" in health.json()["broken"]
            assert health.json()["mode"] == "no_features"
            row = decision_of(body["transaction_id"])
            # Nothing that was not read stands in the vector as a zero that looks like a count.
            vector = dict(zip(FEATURE_NAMES, row["vector"], strict=True))
            assert all(vector[name] == feature(name).missing for name in row["missing"])
            assert len(row["missing"]) > 40
            assert any("count" in name for name in row["missing"])

    def test_a_redis_that_hangs_costs_milliseconds_and_comes_back(
        self, start_api: Any, own_redis: dict[str, str], payment: Payment
    ) -> None:
        with start_api(**own_redis) as api:
            eventually_read = [api.predict(**payment()).json()["mode"] for _ in range(5)]
            assert "no_model" in eventually_read
            os.kill(int(own_redis["OWN_REDIS_PID"]), signal.SIGSTOP)
            try:
                began = time.monotonic()
                for _ in range(60):
                    assert api.predict(**payment()).json()["mode"] == "no_features"
                seconds = time.monotonic() - began
            finally:
                os.kill(int(own_redis["OWN_REDIS_PID"]), signal.SIGCONT)
            # Open, the breaker lets one probe through a second: most payments do not wait at all.
            assert 3 <= api.metric('fraud_redis_failures_total{reason="late"}') <= 3 + seconds + 1
            deadline = time.monotonic() + 10
            while api.predict(**payment()).json()["mode"] == "no_features":
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def test_a_full_redis_still_gives_what_it_knows(
        self, start_api: Any, own_redis: dict[str, str], payment: Payment, decision_of: Callable[[str], dict[str, Any]]
    ) -> None:
        with start_api(**own_redis) as api, client_of(own_redis) as client:
            api.predict(**payment())
            client.config_set("maxmemory", "1")
            later = payment(event_time="2026-03-02T10:00:30Z")
            answer = api.predict(**later).json()
            assert (answer["mode"], "recent_not_added" in answer["flags"]) == ("no_model", True)
            counts = [name.endswith("transactions_count_1m") for name in FEATURE_NAMES]
            assert decision_of(later["transaction_id"])["vector"][counts.index(True)] == 1

    def test_a_restarted_redis_learns_the_script_again(
        self, start_api: Any, own_redis: dict[str, str], payment: Payment
    ) -> None:
        with start_api(**own_redis) as api, client_of(own_redis) as client:
            client.script_flush()
            assert api.predict(**payment()).json()["mode"] == "no_model"

    def test_what_somebody_else_wrote_there_is_not_guessed_at(
        self, start_api: Any, own_redis: dict[str, str], payment: Payment
    ) -> None:
        body = payment()
        with start_api(**own_redis) as api, client_of(own_redis) as client:
            client.set(user_features_key(body["user_id"]), b"\xff not ours")
            answer = api.predict(**body)
            assert (answer.status_code, answer.json()["mode"]) == (200, "no_features")


class TestPostgres:
    def test_an_unreachable_postgres_is_a_503_that_says_when_to_return(self, start_api: Any, payment: Payment) -> None:
        with start_api(POSTGRES_CONNECT_PORT="1", FRAUD_SERVING_DB_TIMEOUT_SECONDS="0.5") as api:
            for _ in range(6):
                began = time.perf_counter()
                answer = api.predict(**payment())
                assert answer.status_code == 503
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert int(answer.headers["Retry-After"]) >= 1
                assert time.perf_counter() - began < 4.0
            # The breaker is open: nobody waits for a server that is known to be away.
            assert time.perf_counter() - began < 1.0
            assert api.metric('fraud_http_requests_total{code="503",method="POST",route="/predict"}') == 6
            health = api.get("/health")
            assert health.status_code == 503
            assert health.json()["status"] == "down"
            assert "postgres" in health.json()["broken"]

    def test_what_was_refused_leaves_no_trace_in_the_windows(
        self, start_api: Any, own_redis: dict[str, str], payment: Payment
    ) -> None:
        with start_api(POSTGRES_CONNECT_PORT="1", FRAUD_SERVING_DB_TIMEOUT_SECONDS="0.5", **own_redis) as api:
            assert api.predict(**payment()).status_code == 503
        with client_of(own_redis) as client:
            assert client.dbsize() == 0


def test_a_wrong_mlflow_address_does_not_stop_the_start(start_api: Any, payment: Payment) -> None:
    with start_api(MLFLOW_TRACKING_URI="http://127.0.0.1:1") as api:
        assert api.predict(**payment()).json()["mode"] == "no_model"
        assert "registry" in api.get("/health").json()["broken"]


def test_sigterm_finishes_what_is_in_hand(start_api: Any, payment: Payment) -> None:
    with start_api() as api, ThreadPoolExecutor(8) as pool:
        bodies = [payment() for _ in range(200)]
        answers = [pool.submit(api.predict, **body) for body in bodies]
        while sum(answer.done() for answer in answers) < 40:
            time.sleep(0.01)
        assert api.process.stop() == 0
        finished = [answer.result().status_code for answer in answers if answer.exception() is None]
        assert len(finished) >= 40
        assert set(finished) == {200}


def test_several_workers_share_port_and_metrics(start_api: Any, payment: Payment) -> None:
    with start_api(FRAUD_SERVING_WORKERS="2") as api:
        with ThreadPoolExecutor(8) as pool:
            assert all(answer.status_code == 200 for answer in pool.map(lambda _: api.predict(**payment()), range(40)))
        assert api.metric("fraud_predictions_total") == 40
        assert api.metric('fraud_http_requests_total{code="200",method="POST",route="/predict"}') == 40
        assert api.metric("fraud_payment_amount_total") == 40 * 25.5


def client_of(env: dict[str, str]) -> redis.Redis:
    return redis.Redis(port=int(env["REDIS_CONNECT_PORT"]), password=env["REDIS_PASSWORD"])
