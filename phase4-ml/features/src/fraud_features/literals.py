"""Payments, logins, labels and KYC records as Trino VALUES, with the columns of their models in Silver."""

from collections.abc import Iterable

from fraud_features.events import FAILED_OUTCOMES, KycChange, Label, Login, Transaction
from fraud_features.features import US_PER_DAY


def transactions_relation(transactions: Iterable[Transaction], first_offset: int = 0) -> str:
    """A subquery of payments as they arrived: the first of an identifier stays, its place is its offset."""
    first: dict[str, tuple[int, Transaction]] = {}
    for offset, transaction in enumerate(transactions, first_offset):
        first.setdefault(transaction.transaction_id, (offset, transaction))
    rows = [
        _row(
            _text(t.transaction_id),
            _text(t.user_id),
            _text(t.merchant_id),
            _text(t.card_hash),
            _text(t.device_id),
            f"bigint '{t.event_us}'",
            f"bigint '{t.amount_cents}'",
            _text(t.country),
            _double(t.latitude),
            _double(t.longitude),
            _text(t.channel),
            _boolean(t.card_present),
            _boolean(t.is_international),
            _text(t.transaction_type),
            _text(t.merchant_category_code),
            f"bigint '{offset}'",
        )
        for offset, t in first.values()
    ]
    columns = (
        "transaction_id, user_id, merchant_id, card_hash, device_id, event_us, amount_cents, country, latitude, "
        "longitude, channel, card_present, is_international, transaction_type, merchant_category_code, _offset"
    )
    return (
        "select *, 0 as _partition, "  # noqa: S608
        f"date_add('day', event_us / {US_PER_DAY}, date '1970-01-01') as event_date, "
        "cast(from_unixtime_nanos(event_us * 1000) at time zone 'UTC' as timestamp(6)) as event_time "
        f"from (values {', '.join(rows)}) as payments ({columns})"
    )


def labels_relation(labels: Iterable[Label], first_offset: int = 0) -> str:
    """A subquery of labels as they arrived, each with the moment at which the next of its payment became known."""
    rows = [
        _row(
            f"bigint '{offset}'",
            _text(label.transaction_id),
            _text(label.user_id),
            _text(label.merchant_id),
            f"bigint '{label.transaction_us}'",
            f"bigint '{label.known_us}'",
            _boolean(label.is_fraud),
        )
        for offset, label in enumerate(labels, first_offset)
    ]
    columns = "_offset, transaction_id, user_id, merchant_id, transaction_us, known_us, is_fraud"
    return (
        "select *, 0 as _partition, "  # noqa: S608
        "lead(known_us) over (partition by transaction_id order by known_us, _offset) as superseded_us "
        f"from (values {', '.join(rows)}) as labels ({columns})"
    )


def logins_relation(logins: Iterable[Login], first_offset: int = 0) -> str:
    """A subquery of logins, each identifier once, its place as its offset."""
    rows = [
        _row(
            f"bigint '{offset}'",
            _text(login.login_id),
            _text(login.user_id),
            f"bigint '{login.event_us}'",
            _boolean(login.outcome in FAILED_OUTCOMES),
        )
        for offset, login in enumerate(logins, first_offset)
    ]
    columns = "_offset, login_id, user_id, event_us, is_failure"
    return f"select *, 0 as _partition from (values {', '.join(rows)}) as logins ({columns})"  # noqa: S608


def kyc_relation(changes: Iterable[KycChange], first_offset: int = 0) -> str:
    """A subquery of KYC records, each identifier once, with the moment at which the user's next became known."""
    rows = [
        _row(
            f"bigint '{offset}'",
            _text(change.kyc_change_id),
            _text(change.user_id),
            f"bigint '{change.known_us}'",
            _text(change.change_type),
            "cast(null as bigint)" if change.customer_since_us is None else f"bigint '{change.customer_since_us}'",
        )
        for offset, change in enumerate(changes, first_offset)
    ]
    columns = "_offset, kyc_change_id, user_id, known_us, change_type, customer_since_us"
    return (
        "select *, 0 as _partition, "  # noqa: S608
        "lead(known_us) over (partition by user_id order by known_us, kyc_change_id) as superseded_us "
        f"from (values {', '.join(rows)}) as changes ({columns})"
    )


def _row(*values: str) -> str:
    return f"({', '.join(values)})"


def _text(value: str | None) -> str:
    return "cast(null as varchar)" if value is None else "cast('" + value.replace("'", "''") + "' as varchar)"


def _double(value: float | None) -> str:
    return "cast(null as double)" if value is None else f"double '{value!r}'"


def _boolean(value: bool | None) -> str:
    return "cast(null as boolean)" if value is None else str(value).lower()
