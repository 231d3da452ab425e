"""What is known of a customer at a boundary as Trino SQL: the few KYC records of a user lie in one array.

Users are many times fewer than users at boundaries: an array of each user's records joined to the boundaries takes
memory for the records alone, where records grouped by boundary would take it for every day that a user paid on.
"""

from fraud_features.events import CONTACT_CHANGES
from fraud_features.features import US_PER_DAY, Feature
from fraud_features.sql_text import double

_BOUNDARY_US = f"spans.day * {US_PER_DAY}"
_KNOWN = f"change.known_us < {_BOUNDARY_US}"


def kyc_known(kyc: str) -> str:
    """One row per user: when the first record became known, and all records; ``kyc`` is as ``int_kyc_as_of``."""
    kinds = ", ".join(repr(kind) for kind in CONTACT_CHANGES)
    record = "row(known_us bigint, superseded_us bigint, customer_since_us bigint, is_contact boolean)"
    return f"""select
    user_id,
    min(known_us) as first_us,
    array_agg(cast(
        row(known_us, superseded_us, customer_since_us, coalesce(change_type in ({kinds}), false)) as {record}
    )) as changes
from {kyc}
group by user_id"""  # noqa: S608


def kyc_value(feature: Feature) -> str:
    """Value of a feature over ``spans`` joined with ``kyc_known``; NULL where nothing is known of the customer."""
    match feature.input, feature.aggregate:
        case "kyc", "age":
            return f"if({_is_known()}, {_days_since('kyc_known.first_us')})"
        case "customer", "age":
            # a date ahead of its own record is a mistake of the sender's
            return f"greatest(0e0, {_days_since(f'{_newest()}.customer_since_us')})"
        case "kyc_changes", "days_since":
            return _days_since(f"{_newest()}.known_us")
        case "kyc_changes", "count":
            return f"if({_is_known()}, {_count(feature)} - if(kyc_known.first_us >= {_start(feature)}, 1, 0))"
        case _:
            return f"if({_is_known()}, {_count(feature, ' and change.is_contact')})"


def _is_known() -> str:
    return f"kyc_known.first_us < {_BOUNDARY_US}"


def _newest() -> str:
    """The record in force at the boundary; NULL without one."""
    in_force = f"{_KNOWN} and coalesce(change.superseded_us >= {_BOUNDARY_US}, true)"
    return f"element_at(filter(kyc_known.changes, change -> {in_force}), 1)"


def _start(feature: Feature) -> str:
    days = feature.window.days if feature.window else 0
    return f"(spans.day - {days}) * {US_PER_DAY}"


def _count(feature: Feature, condition: str = "") -> str:
    inside = f"{_KNOWN} and change.known_us >= {_start(feature)}{condition}"
    return f"cardinality(filter(kyc_known.changes, change -> {inside}))"


def _days_since(moment_us: str) -> str:
    return f"cast({_BOUNDARY_US} - {moment_us} as double) / {double(float(US_PER_DAY))}"
