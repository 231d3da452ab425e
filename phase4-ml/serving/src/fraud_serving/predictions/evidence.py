"""Turns what is known around a payment into the engine's evidence."""

from typing import Final

from fraud_features import FEATURES, Recent, Transaction, UserFeatures
from fraud_features.inputs import REMOTE_CHANNELS, distance_km, is_placed
from fraud_serving.engine import Evidence
from fraud_serving.feature_client import FeatureRead


def _position(entity: str, what: str, aggregate: str, window: str) -> int:
    """Place of a feature in the vector, found by its parts: its name is spelled in the feature package only.

    Raises:
        LookupError: the feature definition has no such feature any more.
    """
    for position, feature in enumerate(FEATURES):
        label = feature.window.label if feature.window else ""
        if (feature.entity, feature.input, feature.aggregate, label) == (entity, what, aggregate, window):
            return position
    raise LookupError(f"the engine needs the feature {entity} {what} {aggregate} {window}, which is not defined")


_PAYMENTS_1M: Final = _position("user", "transactions", "count", "1m")
_DEVICE_NEW: Final = _position("user", "device", "new", "90d")
_AMOUNT_DEVIATIONS: Final = _position("user", "amount", "zscore", "90d")
_AMOUNT_MEAN: Final = _position("user", "amount", "mean", "90d")
_PAYMENTS_90D: Final = _position("user", "transactions", "count", "90d")


def gather_evidence(transaction: Transaction, read: FeatureRead) -> Evidence:
    """Evidence of one payment; whatever could not be read stays unknown."""
    missing = frozenset(read.features.missing)
    mean = _known(read.features, missing, _AMOUNT_MEAN)
    payments = _known(read.features, missing, _PAYMENTS_1M)
    device_is_new = _known(read.features, missing, _DEVICE_NEW)
    payments_90d = _known(read.features, missing, _PAYMENTS_90D)
    travel = _travel(transaction, read.recent.by_entity.get("user"))
    return Evidence(
        amount_cents=transaction.amount_cents,
        card_not_present=_card_not_present(transaction),
        earlier_payments_60s=None if payments is None else int(payments),
        device_is_new=None if device_is_new is None else bool(device_is_new),
        travel_km=None if travel is None else travel[0],
        travel_seconds=None if travel is None else travel[1],
        amount_deviations=_known(read.features, missing, _AMOUNT_DEVIATIONS),
        usual_amount_cents=None if mean is None else mean * 100.0,
        usual_payments=None if payments_90d is None else int(payments_90d),
    )


def _known(features: UserFeatures, missing: frozenset[str], position: int) -> float | None:
    return None if FEATURES[position].name in missing else features.values[position]


def _card_not_present(transaction: Transaction) -> bool | None:
    if transaction.card_present is not None:
        return not transaction.card_present
    return None if transaction.channel is None else transaction.channel in REMOTE_CHANNELS


def _travel(transaction: Transaction, recent: Recent | None) -> tuple[float, float] | None:
    """Kilometres and seconds from the user's last known place to this payment's."""
    latitude, longitude = transaction.latitude, transaction.longitude
    if recent is None or latitude is None or longitude is None:
        return None
    earlier = [
        event
        for event in recent.events
        if event.event_us < transaction.event_us
        and event.transaction_id != transaction.transaction_id
        and is_placed(event.latitude, event.longitude)
    ]
    if not earlier:
        return None
    last = max(earlier, key=lambda event: event.event_us)
    if last.latitude is None or last.longitude is None:  # never: it has a place
        return None
    kilometres = distance_km(latitude, longitude, last.latitude, last.longitude)
    return kilometres, (transaction.event_us - last.event_us) / 1e6
