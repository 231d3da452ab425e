"""Card numbers leave only as a keyed hash and an issuer prefix."""

import hashlib
import hmac

import pytest

from fraud_producer.pan import CardHasher, CardNumberError, check_digit, issuer_prefix, without_card_numbers

KEY = b"0123456789abcdef"
NUMBER = "4000 1234 5678 9017"


def test_hash_is_hmac_sha256_with_its_key_id() -> None:
    expected = hmac.new(KEY, b"4000123456789017", hashlib.sha256).hexdigest()
    assert CardHasher(KEY, "k7").card_hash(NUMBER) == f"k7:{expected}"


def test_spaces_and_hyphens_do_not_matter() -> None:
    hasher = CardHasher(KEY)
    assert hasher.card_hash("4000-1234-5678-9017") == hasher.card_hash("4000123456789017")


def test_another_key_gives_another_hash() -> None:
    assert CardHasher(KEY).card_hash(NUMBER) != CardHasher(b"fedcba9876543210").card_hash(NUMBER)


def test_prefix_is_six_digits() -> None:
    assert issuer_prefix(NUMBER) == "400012"


@pytest.mark.parametrize(
    "wrong", ["", "12345678901", "4000 1234 5678 901x", "4" * 20, "４０００１２３４５６７８９０１７"]
)
def test_what_is_no_card_number_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(CardNumberError) as refused:
        CardHasher(KEY).card_hash(wrong)
    assert not wrong or wrong not in str(refused.value)


def test_the_key_is_not_shown() -> None:
    assert "0123456789abcdef" not in repr(CardHasher(KEY))


def test_check_digit_is_luhns() -> None:
    assert check_digit("7992739871") == "3"


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("paid with 4111111111111111.", "paid with [card number]."),
        ("4111-1111-1111-1111, 3782 822463 10005", "[card number], [card number]"),
        # no card: another check digit, a part of a longer number, a hash
        ("4111111111111112", "4111111111111112"),
        ("94111111111111111119411111", "94111111111111111119411111"),
        (f"k1:{'4f' * 32}", f"k1:{'4f' * 32}"),
    ],
)
def test_card_numbers_are_taken_out_of_a_text(text: str, without: str) -> None:
    assert without_card_numbers(text) == without
