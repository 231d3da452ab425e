"""What rules and statistics look at, free of where it came from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """One payment and what is known around it; ``None`` always means "not known", never zero.

    Amounts are cents, distances kilometres, durations seconds. ``amount_deviations`` is the distance of this amount
    from the user's mean in standard deviations; ``earlier_payments_60s`` does not count this payment.
    """

    amount_cents: int
    card_not_present: bool | None = None
    earlier_payments_60s: int | None = None
    device_is_new: bool | None = None
    travel_km: float | None = None
    travel_seconds: float | None = None
    amount_deviations: float | None = None
    usual_amount_cents: float | None = None
    usual_payments: int | None = None
