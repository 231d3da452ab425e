"""Card numbers leave the producer only as a keyed hash and an issuer prefix."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from fraud_contracts import CARD_NUMBER

ISSUER_PREFIX_DIGITS = 6
_CARD_NUMBER = re.compile(r"\d{12,19}")
_IN_TEXT = re.compile(CARD_NUMBER)
_HIDDEN = "[card number]"


class CardNumberError(ValueError):
    """A value in a card number column is not a card number. The message never repeats it."""


@dataclass(frozen=True, slots=True)
class CardHasher:
    """Hashes card numbers with HMAC-SHA-256.

    ``key_id`` names the key inside every hash, so that hashes made with an older key stay recognisable after a change.
    """

    key: bytes = field(repr=False)
    key_id: str = "k1"

    def card_hash(self, card_number: str) -> str:
        """``<key id>:<64 hex digits>``.

        Raises:
            CardNumberError: not 12 to 19 digits (spaces and hyphens are ignored).
        """
        digits = _digits(card_number)
        return f"{self.key_id}:{hmac.new(self.key, digits.encode('ascii'), hashlib.sha256).hexdigest()}"


def issuer_prefix(card_number: str) -> str:
    """The first six digits (BIN) of a card number.

    Raises:
        CardNumberError: not 12 to 19 digits.
    """
    return _digits(card_number)[:ISSUER_PREFIX_DIGITS]


def check_digit(payload: str) -> str:
    """The Luhn digit that completes a card number."""
    total = 0
    for position, character in enumerate(reversed(payload)):
        value = int(character) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def without_card_numbers(text: str) -> str:
    """The text with every card number in it replaced: what looks like one and has the right check digit."""
    return _IN_TEXT.sub(lambda found: _HIDDEN if _checks_out(found[0]) else found[0], text)


def _checks_out(number: str) -> bool:
    digits = _digits(number)
    return check_digit(digits[:-1]) == digits[-1]


def _digits(card_number: str) -> str:
    digits = card_number.replace(" ", "").replace("-", "")
    if not _CARD_NUMBER.fullmatch(digits) or not digits.isascii():
        raise CardNumberError("not a card number of 12 to 19 digits")
    return digits
