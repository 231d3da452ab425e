import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration
Payment = Callable[..., dict[str, Any]]


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert {"type", "title", "detail", "instance"} <= problem.keys()
    return problem


class TestBodies:
    @pytest.mark.parametrize(
        ("field", "text"),
        [
            ("amount", "NaN"),
            ("amount", "Infinity"),
            ("amount", "1e999"),
            ("amount", "-5"),
            ("amount", "0"),
            ("amount", "1.999"),
            ("amount", '"a lot"'),
            ("user_id", '""'),
            ("user_id", json.dumps("x" * 65)),
            ("transaction_id", '"a\\u0000b"'),
            ("is_international", '"no"'),
            ("event_time", '"yesterday"'),
            ("latitude", "1e9"),
            ("surprise", "1"),
        ],
    )
    def test_a_bad_field_is_named_with_its_value_and_a_remedy(
        self, api: Any, payment: Payment, field: str, text: str
    ) -> None:
        body = payment()
        body.pop(field, None)
        raw = json.dumps(body)[:-1] + f', "{field}": {text}}}'
        problem = assert_problem(api.post("/predict", content=raw), 422)
        (fault,) = problem["errors"]
        assert fault["field"] == field
        assert fault["value"]
        assert fault["remedy"]

    def test_a_missing_field_is_named(self, api: Any, payment: Payment) -> None:
        body = payment()
        del body["merchant_id"]
        assert assert_problem(api.post("/predict", json=body), 422)["remedy"] == "add the field merchant_id"

    @pytest.mark.parametrize("raw", [b"", b"{", b"[" * 50_000, b"\xff\xfe", b'{"amount": 1' + b"0" * 20_000])
    def test_what_is_no_json_is_a_400(self, api: Any, raw: bytes) -> None:
        assert_problem(api.post("/predict", content=raw), 400)

    @pytest.mark.parametrize("raw", [b"[]", b"null", b"5", b'"text"'])
    def test_json_that_is_no_object_is_a_422(self, api: Any, raw: bytes) -> None:
        assert_problem(api.post("/predict", content=raw), 422)

    def test_a_large_body_is_a_413(self, api: Any) -> None:
        assert_problem(api.post("/predict", content=b"x" * (64 * 1024 + 1)), 413)

    def test_a_card_number_is_neither_accepted_nor_repeated(self, api: Any, payment: Payment) -> None:
        answer = api.predict(**payment(card_hash="4111111111111111"))
        assert_problem(answer, 422)
        assert "4111" not in answer.text


class TestKeys:
    @pytest.mark.parametrize(
        "header",
        [None, "", "Bearer", "Bearer wrong", "Basic abc", "Bearer \xe9t\xe9", f"Bearer {'x' * 5000}"],
    )
    def test_without_the_right_key_nothing_is_decided(self, api: Any, payment: Payment, header: str | None) -> None:
        headers = {} if header is None else {"Authorization": header.encode("latin-1")}
        with httpx.Client(base_url=api.base_url) as stranger:
            answer = stranger.post("/predict", json=payment(), headers=headers)
        problem = assert_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "make api-key" in problem["remedy"]

    @pytest.mark.parametrize("path", ["/health", "/metrics", "/docs", "/openapi.json"])
    def test_what_tells_nothing_about_payments_is_open(self, api: Any, path: str) -> None:
        with httpx.Client(base_url=api.base_url) as stranger:
            assert stranger.get(path).status_code == 200


def test_unknown_paths_and_methods_are_problems_too(api: Any) -> None:
    assert_problem(api.get("/nothing"), 404)
    assert_problem(api.get("/predict"), 405)


def test_openapi_describes_body_answer_and_errors(api: Any) -> None:
    operation = api.get("/openapi.json").json()["paths"]["/predict"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert {"transaction_id", "user_id", "amount", "merchant_id"} == set(schema["required"])
    assert {"200", "401", "409", "413", "422", "503"} <= operation["responses"].keys()
