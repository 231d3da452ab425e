import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from fraud_serving import metrics
from fraud_serving.main import create_app
from fraud_serving.request_counts import RequestCounts
from fraud_serving.settings import Settings

App = Callable[[Any, Any, Any], Awaitable[None]]


class Route:
    path = "/v1/things/{thing}"


def answering(status: int) -> App:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = Route
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return answer


async def failing(scope: Any, receive: Any, send: Any) -> None:
    scope["route"] = Route
    raise ZeroDivisionError


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """A client that went away gets no answer."""


def ask(app: Any, path: str = "/v1/things/17", method: str = "GET", body: bytes = b"") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-length", b"%d" % len(body))],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "scheme": "http",
        "http_version": "1.1",
    }
    asyncio.run(app(scope, receive, send))
    return sent


def counted(route: str, method: str, code: str) -> float:
    labels = {"route": route, "method": method, "code": code}
    return REGISTRY.get_sample_value("fraud_http_requests_total", labels) or 0.0


@pytest.mark.parametrize("status", [200, 404, 503])
def test_a_request_counts_under_its_routes_template(status: int) -> None:
    before = counted(Route.path, "GET", str(status))
    ask(RequestCounts(answering(status)))
    assert counted(Route.path, "GET", str(status)) == before + 1


def test_an_exception_counts_as_an_internal_error_and_goes_on() -> None:
    before = counted(Route.path, "GET", "500")
    with pytest.raises(ZeroDivisionError):
        ask(RequestCounts(failing))
    assert counted(Route.path, "GET", "500") == before + 1


def test_a_client_that_went_away_is_neither_a_success_nor_an_error_of_ours() -> None:
    before = counted("unmatched", "GET", "499")
    ask(RequestCounts(silent))
    assert counted("unmatched", "GET", "499") == before + 1


def test_a_made_up_method_gets_no_label_of_its_own() -> None:
    before = counted(Route.path, "OTHER", "200")
    ask(RequestCounts(answering(200)), method="BREW")
    assert counted(Route.path, "OTHER", "200") == before + 1


def test_other_protocols_are_passed_on() -> None:
    seen: list[str] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(RequestCounts(note)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


@pytest.fixture(scope="module")
def app() -> Any:
    settings = Settings(api_key="k" * 40, postgres_host="127.0.0.1", api_db_password="p" * 20)  # type: ignore[arg-type]
    return create_app(settings)


def test_every_path_of_the_api_is_a_template_that_its_requests_count_under(app: Any) -> None:
    for path in app.openapi()["paths"]:
        # a method that the route does not take needs no connection to anything
        before = counted(path, "DELETE", "405")
        ask(app, path, "DELETE")
        assert counted(path, "DELETE", "405") == before + 1, path


def test_paths_that_do_not_exist_share_one_label(app: Any) -> None:
    before = counted("unmatched", "GET", "404")
    for path in ("/a", "/b", "/predict/17"):
        ask(app, path)
    assert counted("unmatched", "GET", "404") == before + 3


def test_a_body_that_is_refused_at_the_door_counts(app: Any) -> None:
    before = counted("unmatched", "POST", "413")
    assert ask(app, "/predict", "POST", b"x" * 100_000)[0]["status"] == 413
    assert counted("unmatched", "POST", "413") == before + 1


def test_what_alerts_read_is_there_before_the_first_request() -> None:
    text = metrics.exposition()[0].decode()
    for sample in (
        'fraud_http_requests_total{code="503",method="POST",route="/predict"}',
        'fraud_payment_amount_total{verdict="BLOCKED"}',
        'fraud_prediction_flags_total{flag="user_profile_stale"}',
        'fraud_predictions_total{risk_tier="LOW"}',
    ):
        assert f"\n{sample} " in text
