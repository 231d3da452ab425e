import asyncio
from typing import Any

import orjson
import pytest

from fraud_serving import limits
from fraud_serving.limits import BODY_LIMIT_BYTES, RequestLimits


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d bytes" % len(body)})


def ask(
    chunks: list[bytes], headers: list[tuple[bytes, bytes]] | None = None, hang: bool = False
) -> tuple[int, dict[bytes, bytes], bytes]:
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting and hang:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting) or hang}

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/predict", "headers": headers or []}
    asyncio.run(RequestLimits(echo)(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_a_body_at_the_limit_passes_in_one_piece() -> None:
    status, _, body = ask([b"x" * (BODY_LIMIT_BYTES - 1), b"y"])
    assert (status, body) == (200, b"%d bytes" % BODY_LIMIT_BYTES)


@pytest.mark.parametrize(
    ("chunks", "headers"),
    [
        ([b""], [(b"content-length", b"%d" % (BODY_LIMIT_BYTES + 1))]),
        ([b"x" * BODY_LIMIT_BYTES, b"y"], []),
    ],
)
def test_a_longer_body_is_refused_declared_or_not(chunks: list[bytes], headers: list[tuple[bytes, bytes]]) -> None:
    status, sent, body = ask(chunks, headers)
    problem = orjson.loads(body)
    assert status == problem["status"] == 413
    assert sent[b"content-type"] == b"application/problem+json"
    assert problem["errors"][0]["field"] == "Content-Length"


def test_a_length_that_is_no_number_is_refused() -> None:
    assert ask([b""], [(b"content-length", b"-1")])[0] == 400


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_TIMEOUT_SECONDS", 0.05)
    assert ask([b"{"], hang=True)[0] == 408


def test_a_request_id_is_kept_when_it_is_harmless_and_made_otherwise() -> None:
    assert ask([b""], [(b"x-request-id", b"order-17.a")])[1][b"x-request-id"] == b"order-17.a"
    for unsafe in (b"", b"a b", b"x" * 65, b"\xff"):
        assert len(ask([b""], [(b"x-request-id", unsafe)])[1][b"x-request-id"]) == 32
