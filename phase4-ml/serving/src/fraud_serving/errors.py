"""Every error that serving raises on purpose.

::

    ServingError                    carries the HTTP status, title and remedy of its answer
    ├── InvalidRequestError         400
    ├── UnauthorizedError           401
    ├── RequestTimeoutError         408
    ├── DecisionConflictError       409
    ├── BodyTooLargeError           413
    └── RecordStoreError            503, with Retry-After
    SettingsError                   stops a command
    ModelRejectedError              a model version that must not be served
    FeatureStoreError               Redis did not answer in time
"""

from collections.abc import Mapping


class ServingError(Exception):
    """An error with an HTTP answer of its own: RFC 9457 problem details."""

    status: int = 500
    code: str = "internal-error"
    title: str = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        remedy: str | None = None,
        field: str | None = None,
        value: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.field = field
        self.value = value
        self.headers = dict(headers or {})


class InvalidRequestError(ServingError):
    """The request cannot be read at all."""

    status = 400
    code = "invalid-request"
    title = "The request cannot be read"


class UnauthorizedError(ServingError):
    """No bearer key, or a wrong one."""

    status = 401
    code = "unauthorized"
    title = "A valid bearer key is needed"

    def __init__(self, detail: str) -> None:
        super().__init__(
            detail,
            field="Authorization",
            remedy='send the header "Authorization: Bearer <key>"; `make api-key` prints the key',
            headers={"WWW-Authenticate": "Bearer"},
        )


class RequestTimeoutError(ServingError):
    """The body did not arrive in time."""

    status = 408
    code = "request-timeout"
    title = "The request body did not arrive in time"


class DecisionConflictError(ServingError):
    """The transaction id was decided before, with another body."""

    status = 409
    code = "decision-conflict"
    title = "This transaction was decided with another body"

    def __init__(self, transaction_id: str, differing: list[str]) -> None:
        super().__init__(
            f"transaction_id {transaction_id!r} is decided already and the bodies differ in: {', '.join(differing)}",
            field="transaction_id",
            value=transaction_id,
            remedy="send the first body again to get its decision, or use a new transaction_id for another payment",
        )


class BodyTooLargeError(ServingError):
    """The body exceeds the limit."""

    status = 413
    code = "body-too-large"
    title = "The request body is too large"


class RecordStoreError(ServingError):
    """PostgreSQL cannot take the decision's record, so there must be no answer."""

    status = 503
    code = "record-store-unavailable"
    title = "The decision cannot be recorded"

    def __init__(self, detail: str, *, retry_after_seconds: int = 2) -> None:
        super().__init__(
            detail,
            remedy="send the same request again after Retry-After seconds; the transaction id makes that safe",
            headers={"Retry-After": str(retry_after_seconds)},
        )


class SettingsError(Exception):
    """A setting is missing or unsafe, or what a command needs does not answer: one sentence with the remedy."""


class ModelRejectedError(Exception):
    """A model version whose files, feature definition or golden vectors do not hold."""


class FeatureStoreError(Exception):
    """Redis did not answer in time, holds something unreadable, or was not asked because its breaker is open."""

    def __init__(self, message: str, reason: str = "unreachable") -> None:
        super().__init__(message)
        self.reason = reason
