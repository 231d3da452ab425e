"""RFC 9457 problem details for every error an HTTP client can see."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fraud_serving.errors import ServingError

PROBLEM_JSON = "application/problem+json"
# A value is echoed so that the sender recognises it, not so that he gets his megabyte back.
ECHO_LENGTH = 80
# Fields that may hold a card number by mistake: never repeated, neither to the client nor to a log.
UNECHOED_FIELDS = frozenset({"card_hash", "card_bin", "account_id", "counterparty_id"})

logger = logging.getLogger(__name__)


class Fault(BaseModel):
    """One field that is wrong, the value it had and what to send instead."""

    field: str
    value: str | None = None
    message: str | None = None
    remedy: str | None = None


class Problem(BaseModel):
    """RFC 9457 problem details, with the request's id, a remedy and the faults one by one."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    remedy: str | None = None
    errors: list[Fault] | None = None


def problem(
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    instance: str,
    request_id: str,
    remedy: str | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An ``application/problem+json`` answer; ``errors`` names field, value and remedy of each fault."""
    body: dict[str, Any] = {
        "type": f"urn:fraud-serving:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
    }
    if remedy:
        body["remedy"] = remedy
    if errors:
        body["errors"] = errors
    return Response(orjson.dumps(body), status_code=status, media_type=PROBLEM_JSON, headers=dict(headers or {}))


def error_response(error: ServingError, *, instance: str, request_id: str) -> Response:
    """The answer to one of our own errors."""
    fault = {"field": error.field, "value": error.value, "remedy": error.remedy}
    return problem(
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        instance=instance,
        request_id=request_id,
        remedy=error.remedy,
        errors=[{name: text for name, text in fault.items() if text is not None}] if error.field else None,
        headers=error.headers,
    )


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says about the errors of an endpoint."""
    content = {PROBLEM_JSON: {"schema": Problem.model_json_schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Makes every error of ``app`` a problem document."""
    app.add_exception_handler(ServingError, _answer_serving_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_unexpected)


def request_id_of(request: Request) -> str:
    """The id that the limits around the application gave this request."""
    return str(request.scope.get("request_id", ""))


async def _answer_serving_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ServingError):
        raise error
    return error_response(error, instance=request.url.path, request_id=request_id_of(request))


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    entries = error.errors()
    faults = [_fault(entry) for entry in entries]
    unreadable = any(entry["type"] == "json_invalid" for entry in entries)
    return problem(
        status=400 if unreadable else 422,
        code="invalid-json" if unreadable else "invalid-field",
        title="The request is no JSON" if unreadable else "The request does not fit the schema",
        detail="; ".join(f"{fault['field']}: {fault['message']}" for fault in faults[:5]),
        instance=request.url.path,
        request_id=request_id_of(request),
        remedy=faults[0]["remedy"] if faults else None,
        errors=faults,
    )


async def _answer_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    title = HTTPStatus(error.status_code).phrase
    remedies = {400: "send valid UTF-8 JSON", 404: "see /docs for the paths", 405: "see /docs for the methods"}
    return problem(
        status=error.status_code,
        code=title.lower().replace(" ", "-"),
        title=title,
        detail=str(error.detail),
        instance=request.url.path,
        request_id=request_id_of(request),
        remedy=remedies.get(error.status_code),
        headers=error.headers,
    )


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    logger.error("request %s failed", request_id_of(request), exc_info=error)
    return problem(
        status=500,
        code="internal-error",
        title="Internal error",
        detail="this is a fault of the service; nothing was decided",
        instance=request.url.path,
        request_id=request_id_of(request),
        remedy="report the request_id; the service's log names the cause",
    )


def _fault(entry: Mapping[str, Any]) -> dict[str, str]:
    """One pydantic error as field, value, message and remedy; the value is shortened and printable."""
    location = [str(part) for part in entry["loc"] if part not in {"body", "query", "path", "header"}]
    field = ".".join(location) or "body"
    message = str(entry["msg"]).removeprefix("Value error, ")
    fault = {"field": _printable(field), "message": message, "remedy": _remedy(entry, field)}
    if entry["type"] != "missing":
        hidden = bool(location) and location[0] in UNECHOED_FIELDS
        fault["value"] = "(not shown)" if hidden else _printable(repr(entry.get("input")))
    return fault


def _printable(text: str) -> str:
    clean = text.encode("ascii", "backslashreplace").decode("ascii")
    return clean if len(clean) <= ECHO_LENGTH else clean[:ECHO_LENGTH] + "…"


_REMEDIES = {
    "json_invalid": "send valid UTF-8 JSON",
    "extra_forbidden": "remove the field, or see /docs for the field's right name",
    "bool_type": "send true or false",
    "string_type": "send a string",
    "finite_number": "send a finite number",
    "float_type": "send a number",
    "greater_than": "send a number above {gt}",
    "greater_than_equal": "send a number of at least {ge}",
    "less_than_equal": "send a number of at most {le}",
    "decimal_max_places": "round to {decimal_places} decimals",
    "string_too_short": "send at least {min_length} character",
    "string_too_long": "send at most {max_length} characters",
    "string_pattern_mismatch": "send a text that matches {pattern}",
    "literal_error": "send one of {expected}",
    "model_type": "send a JSON object",
}


def _remedy(entry: Mapping[str, Any], field: str) -> str:
    kind = str(entry["type"])
    if kind == "missing":
        return f"add the field {field}"
    if kind == "value_error":
        # Our own validators say what must be.
        return "send what " + str(entry["msg"]).removeprefix("Value error, ")
    template = _REMEDIES.get(kind, f"send {field} as /docs describes it")
    return template.format_map(entry.get("ctx") or {})
