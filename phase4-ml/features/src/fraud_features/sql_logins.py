"""Failed logins before a payment as Trino SQL: they are few, so payments are joined to them and not the other way."""

from fraud_features.features import login_features, longest_login_window
from fraud_features.sql_text import indent


def failed_logins(payments: str, logins: str) -> str:
    """One row per payment with failed logins of its user in the longest window, and their count in each window.

    ``logins`` has one row per login with ``user_id``, ``event_us`` and ``is_failure``.
    """
    counts = [
        f"count_if(logins.event_us > payments.event_us - {f.window.us}) as {f.name}"
        for f in login_features()
        if f.window is not None
    ]
    return "\n".join(
        [
            "select",
            indent(",\n".join(["payments.transaction_id", *counts])),
            f"from {payments} as payments" if payments != "payments" else "from payments",
            f"inner join {logins} as logins",
            "    on",
            "        payments.user_id = logins.user_id",
            "        and logins.is_failure",
            "        and logins.event_us < payments.event_us",
            f"        and logins.event_us > payments.event_us - {longest_login_window().us}",
            "group by payments.transaction_id",
        ]
    )


def login_columns(relation: str) -> list[str]:
    """The counts of a payment joined to ``relation``; a payment without failed logins has no row there."""
    return [f"coalesce({relation}.{f.name}, 0) as {f.name}" for f in login_features()]
