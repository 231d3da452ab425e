import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fraud_stream.coordinates import OF_THE_KEY, Coordinates
from fraud_stream.quarantine_reader import IV_BYTES, decrypt


def test_a_payload_opens_only_with_its_key_and_at_its_own_coordinates() -> None:
    key, iv = os.urandom(32), os.urandom(IV_BYTES)
    sealed = iv + AESGCM(key).encrypt(iv, b"raw bytes", b"payments-3-17")
    assert decrypt(sealed, key, Coordinates("payments", 3, 17)) == b"raw bytes"
    with pytest.raises(InvalidTag):
        decrypt(sealed, key, Coordinates("payments", 3, 17), OF_THE_KEY)
    for wrong_key, partition, offset in ((os.urandom(32), 3, 17), (key, 3, 18), (key, 2, 17)):
        with pytest.raises(InvalidTag):
            decrypt(sealed, wrong_key, Coordinates("payments", partition, offset))
