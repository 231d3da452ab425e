"""Bearer keys."""

import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from fraud_serving.errors import UnauthorizedError

_scheme = HTTPBearer(auto_error=False, description="the key that `make api-key` prints")


def require_api_key(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]
) -> None:
    """Lets a request pass that carries the bearer key.

    Raises:
        UnauthorizedError: no key, or a wrong one.
    """
    if credentials is None:
        raise UnauthorizedError("the request carries no bearer key")
    expected: bytes = request.app.state.api_key
    # Bytes, because compare_digest refuses text beyond ASCII, and in constant time, because the key is a secret.
    if not hmac.compare_digest(credentials.credentials.encode("utf-8", "surrogateescape"), expected):
        raise UnauthorizedError("the bearer key is not valid")
