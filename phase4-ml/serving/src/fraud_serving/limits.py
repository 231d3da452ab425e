"""Around the application: a request id for every request, and a bound on every body."""

import asyncio
import re
import time
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fraud_serving.errors import BodyTooLargeError, InvalidRequestError, RequestTimeoutError, ServingError
from fraud_serving.problems import error_response

BODY_LIMIT_BYTES = 64 * 1024
# A payment is a few hundred bytes: whoever needs longer than this keeps a connection busy on purpose.
BODY_TIMEOUT_SECONDS = 10.0
REQUEST_ID_HEADER = b"x-request-id"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestLimits:
    """ASGI middleware: names each request, notes its arrival, and reads its body within bounds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(REQUEST_ID_HEADER, b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex.encode()
        scope["request_id"] = request_id.decode()
        scope["arrived"] = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID_HEADER, request_id)]
            await send(message)

        try:
            body = await _read_body(headers, receive)
        except ServingError as error:
            # The rest of the body is left unread, so the connection cannot carry another request.
            error.headers["Connection"] = "close"
            answer = error_response(error, instance=scope["path"], request_id=scope["request_id"])
            await answer(scope, receive, send_with_id)
            return
        if body is not None:
            await self._app(scope, _once(body, receive), send_with_id)


def _once(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body that is already here, then goes on with the connection's own messages."""
    given = False

    async def receive_body() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_body


async def _read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """The whole body, or ``None`` when the client went away.

    Raises:
        InvalidRequestError: Content-Length is no number.
        BodyTooLargeError: the body is longer than the limit.
        RequestTimeoutError: the body did not arrive in time.
    """
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit():
        raise InvalidRequestError(
            "Content-Length is no number", field="Content-Length", remedy="send the body's length"
        )
    if int(declared) > BODY_LIMIT_BYTES:
        raise _too_large(declared.decode())
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > BODY_LIMIT_BYTES:
                    raise _too_large(f"more than {BODY_LIMIT_BYTES}")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise RequestTimeoutError(
            f"the body was not complete after {BODY_TIMEOUT_SECONDS:.0f} s", remedy="send the body in one piece"
        ) from None


def _too_large(length: str) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"the body has {length} bytes, the limit is {BODY_LIMIT_BYTES}",
        field="Content-Length",
        value=length,
        remedy=f"send at most {BODY_LIMIT_BYTES} bytes: one payment a request",
    )
