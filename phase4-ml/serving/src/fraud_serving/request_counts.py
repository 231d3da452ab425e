"""Counts every request that reaches the service, the refused and the failed ones too."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fraud_serving import metrics

# No route has this path, or the request was refused before one was looked for.
UNMATCHED: Final = "unmatched"
OTHER_METHOD: Final = "OTHER"
# The client went away before there was an answer; web servers log the same number.
CLIENT_GONE: Final = "499"
# A method is text from outside: label values are bounded.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestCounts:
    """ASGI middleware around all others: one count per request, by its route's template, method and status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        code = CLIENT_GONE

        async def send_noting_code(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noting_code)
        except Exception:
            # Answered further out, as an internal error.
            code = "500"
            raise
        finally:
            method = scope["method"] if scope["method"] in _METHODS else OTHER_METHOD
            metrics.HTTP_REQUESTS.labels(_template(scope), method, code).inc()


def _template(scope: Scope) -> str:
    """The path as the route declares it: the router leaves the route that it chose in the scope."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))
