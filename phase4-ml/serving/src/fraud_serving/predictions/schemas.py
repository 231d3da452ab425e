"""Body and answer of ``POST /predict``."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from fraud_contracts import (
    DEGREE_LIMITS,
    EARLIEST_EVENT,
    LATEST_EVENT,
    MAX_AMOUNT_CENTS,
    MIN_AMOUNT_CENTS,
    TEXT_LENGTHS,
    TEXT_PATTERNS,
)
from fraud_serving.engine import RiskTier, Verdict

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DECIMAL = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")


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
    if not EARLIEST_EVENT <= moment < LATEST_EVENT:
        raise ValueError(f"must lie between the years {EARLIEST_EVENT.year} and {LATEST_EVENT.year}")
    return moment


def _text(field: str) -> Any:
    """What the contracts say of a text field, as Bronze does: what is decided here is not quarantined there.

    In the pattern language of pydantic and of JSON Schema ``$`` is the very end, and no line break before it.
    """
    longest = TEXT_LENGTHS.get(field)
    pattern = f"^{TEXT_PATTERNS[field]}$"
    if longest is None:
        return Field(pattern=pattern, strict=True)
    return Field(min_length=1, max_length=longest, pattern=pattern, strict=True)


def _degrees(field: str) -> Any:
    return Field(ge=-DEGREE_LIMITS[field], le=DEGREE_LIMITS[field], allow_inf_nan=False, strict=True)


Flag = Annotated[bool, Field(strict=True)]
Amount = Annotated[
    Decimal,
    BeforeValidator(_plain_number),
    Field(
        ge=Decimal(MIN_AMOUNT_CENTS) / 100, le=Decimal(MAX_AMOUNT_CENTS) / 100, decimal_places=2, allow_inf_nan=False
    ),
]
EventTime = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_plausible)]


class PredictRequest(BaseModel):
    """One payment, with the fields of ``transactions.raw``; four are needed.

    Features are made of the amount, the time, the place, the ids of user, card, device and merchant, the channel, the
    type, the merchant's category and the two flags. Currency, account, counterparty and its country, issuer prefix and
    the hash of the address do not enter the vector: they are checked and recorded with the decision.
    """

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

    transaction_id: Annotated[str, _text("transaction_id")] = Field(
        description="The same id always gets the same decision."
    )
    user_id: Annotated[str, _text("user_id")]
    merchant_id: Annotated[str, _text("merchant_id")]
    amount: Amount = Field(description="In the deployment's base currency, with at most two decimals.")
    is_international: Flag | None = None
    event_time: EventTime | None = Field(
        None, description="When the payment happened (RFC 3339). Absent: when it is received."
    )
    card_hash: Annotated[str, _text("card_hash")] | None = Field(
        None, description="<key id>:<hex HMAC-SHA-256 of the card number>, never the number."
    )
    merchant_category_code: Annotated[str, _text("merchant_category_code")] | None = None
    currency: Annotated[str, _text("currency")] | None = None
    country: Annotated[str, _text("country")] | None = Field(
        None, description="ISO 3166-1 alpha-2 of the place of payment."
    )
    latitude: Annotated[float, _degrees("latitude")] | None = None
    longitude: Annotated[float, _degrees("longitude")] | None = None
    channel: Literal["UNKNOWN", "POS", "ONLINE", "ATM", "MOBILE"] | None = None
    card_present: Flag | None = None
    device_id: Annotated[str, _text("device_id")] | None = None
    ip_hash: Annotated[str, _text("ip_hash")] | None = None
    transaction_type: Literal["UNKNOWN", "PURCHASE", "WITHDRAWAL", "TRANSFER", "REFUND"] | None = None
    account_id: Annotated[str, _text("account_id")] | None = None
    counterparty_id: Annotated[str, _text("counterparty_id")] | None = None
    counterparty_country: Annotated[str, _text("counterparty_country")] | None = None
    card_bin: Annotated[str, _text("card_bin")] | None = Field(None, description="Issuer prefix, taken before hashing.")

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
    mode: str = Field(
        description="full, no_profiles (the model decided without a profile of the payment's day), no_model (rules and "
        "windows decided) or no_features (rules on the request)."
    )
    flags: list[str] = Field(description="Inputs that were missing, stale, late or truncated.")
    idempotency: str = Field(description="durable: the first record in PostgreSQL is the decision everywhere.")
