"""Body and answer of ``POST /predict``."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from fraud_serving.engine import RiskTier, Verdict

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})")
_DECIMAL = re.compile(r"\d{1,10}(\.\d{1,2})?")
# The bounds of Bronze's quality checks: what is decided here must not be quarantined there.
MAX_AMOUNT = 1_000_000_000
# A payment outside these years is a unit mistake (milliseconds, a missing century), not a payment.
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def _plain_number(value: Any) -> Any:
    """Lets JSON numbers and plain decimal strings through; everything else pydantic might guess at is refused."""
    if isinstance(value, Decimal) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return value
    raise ValueError("must be a number, or a string like 12.34")


def _rfc_3339(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("must be an RFC 3339 time with zone and at most microseconds, like 2026-01-31T12:00:00Z")


def _plausible(value: datetime) -> datetime:
    moment = value.astimezone(UTC)
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("must lie between the years 1990 and 2100")
    return moment


# Control characters are no part of any id, and PostgreSQL cannot store the zero among them.
_TEXT = r"^[^\x00-\x1f\x7f]+$"
Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=_TEXT, strict=True)]
Hash = Annotated[str, Field(min_length=1, max_length=128, pattern=_TEXT, strict=True)]
# A card number in clear has no key id and no colon, so it can never pass as a hash.
CardHash = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,32}:[0-9a-f]{64}$", strict=True)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Amount = Annotated[
    Decimal, BeforeValidator(_plain_number), Field(gt=0, le=MAX_AMOUNT, decimal_places=2, allow_inf_nan=False)
]
EventTime = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_plausible)]


class PredictRequest(BaseModel):
    """One payment, with the fields of ``transactions.raw``; four are needed, all of them are used when given."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "transaction_id": "t1",
                    "user_id": "U1234",
                    "amount": 500,
                    "merchant_id": "M001",
                    "is_international": False,
                }
            ]
        },
    )

    transaction_id: Identifier = Field(description="The same id always gets the same decision.")
    user_id: Identifier
    merchant_id: Identifier
    amount: Amount = Field(description="In the deployment's base currency, with at most two decimals.")
    is_international: Flag | None = None
    event_time: EventTime | None = Field(
        None, description="When the payment happened (RFC 3339). Absent: when it is received."
    )
    card_hash: CardHash | None = Field(
        None, description="<key id>:<hex HMAC-SHA-256 of the card number>, never the number."
    )
    merchant_category_code: Annotated[str, Field(pattern=r"^\d{4}$", strict=True)] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", strict=True)] | None = None
    country: Country | None = Field(None, description="ISO 3166-1 alpha-2 of the place of payment.")
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, strict=True)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True)] | None = None
    channel: Literal["UNKNOWN", "POS", "ONLINE", "ATM", "MOBILE"] | None = None
    card_present: Flag | None = None
    device_id: Identifier | None = None
    ip_hash: Hash | None = None
    transaction_type: Literal["UNKNOWN", "PURCHASE", "WITHDRAWAL", "TRANSFER", "REFUND"] | None = None
    account_id: Identifier | None = None
    counterparty_id: Identifier | None = None
    counterparty_country: Country | None = None
    card_bin: Annotated[str, Field(pattern=r"^\d{6,8}$", strict=True)] | None = Field(
        None, description="Issuer prefix, taken before hashing."
    )

    def canonical(self) -> dict[str, Any]:
        """The body as it is stored and compared: what is absent or null is left out, one spelling for each value."""
        body = self.model_dump(exclude_none=True)
        body["amount"] = f"{self.amount:.2f}"
        if self.event_time is not None:
            body["event_time"] = self.event_time.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return body


class PredictResponse(BaseModel):
    """The decision. Asking again with the same transaction id gives the same answer, field by field."""

    model_config = ConfigDict(protected_namespaces=())

    transaction_id: str
    fraud_probability: float = Field(
        description="Calibrated probability of the model; fraud_score / 100 where mode says that no model decided."
    )
    risk_tier: RiskTier = Field(description="LOW < 0.3 ≤ MEDIUM < 0.5 ≤ HIGH < 0.8 ≤ CRITICAL of fraud_probability.")
    model_version: str = Field(description="Registry version of the model, or the version of the rules that decided.")
    latency_ms: float = Field(description="From the payment's arrival to its decision, before it was recorded.")
    verdict: Verdict = Field(description="BLOCKED from a fraud_score of 80, REVIEW from 50, else APPROVED.")
    fraud_score: float = Field(description="0 to 100: rules, statistics and model weighed together.")
    reasons: list[str]
    mode: str = Field(description="full, no_model (rules and windows decided) or no_features (rules on the request).")
    flags: list[str] = Field(description="Inputs that were missing, stale, late or truncated.")
    idempotency: str = Field(description="durable: the first record in PostgreSQL is the decision everywhere.")
