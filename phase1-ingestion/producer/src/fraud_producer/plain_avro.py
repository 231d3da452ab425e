"""Avro binary of flat records whose values are plain, several times as fast as an encoder for any schema.

Each field has one function, chosen when the schema is read, so that no message asks again which branch of a union a
value belongs to. Texts repeat (customers, merchants, countries): their bytes are remembered. It takes exactly the types
that a schema's own Python values have, and nothing that must be converted or judged: that is left to fastavro.
"""

import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

# Per field; a field of ids that never repeat fills it once and then pays a lookup in vain.
REMEMBERED_TEXTS: Final = 8192
# the bytes of 14 bits that more bits follow, of 8 to 14 bits that none follow, and of up to 7
_TWO_MORE: Final = [bytes((bits & 0x7F | 0x80, bits >> 7 | 0x80)) for bits in range(1 << 14)]
_TWO_LAST: Final = [bytes((bits & 0x7F | 0x80, bits >> 7)) for bits in range(1 << 14)]
_ONE_LAST: Final = [bytes((bits,)) for bits in range(1 << 7)]

Encode = Callable[[Any], bytes]


class NotPlainError(ValueError):
    """A value that this encoder leaves to others; it may well fit the schema."""


# What it raises on a record that it leaves to others: a field is missing or of another type, a symbol is unknown, a
# value cannot be hashed, a text is no Unicode.
NOT_PLAIN: Final = (NotPlainError, KeyError, TypeError, UnicodeEncodeError)


def plain_encoder(schema: Mapping[str, Any], frame: bytes = b"") -> Callable[[Mapping[str, Any]], bytes] | None:
    """What encodes a record of a schema behind a frame, or None for a schema with fields that it does not know.

    Known are string, bytes, int, long, double, boolean and enum, with any logical type, and ``["null", one of them]``.
    The function raises one of NOT_PLAIN for a record that it does not take.
    """
    fields: list[tuple[str, Encode]] = []
    for field in schema["fields"]:
        # the first field brings the frame along: that spares every message a copy
        encode = _field_encoder(field["type"], b"" if fields else frame)
        if encode is None:
            return None
        fields.append((field["name"], encode))

    def encode_record(record: Mapping[str, Any]) -> bytes:
        return b"".join([encode(record[name]) for name, encode in fields])

    return encode_record


def zigzag(number: int) -> bytes:
    """Avro's long: zigzag, then seven bits a byte, the lowest first; all but the last have their highest bit set."""
    rest = number << 1 if number >= 0 else ~(number << 1)
    head = b""
    while rest > 0x3FFF:
        head += _TWO_MORE[rest & 0x3FFF]
        rest >>= 14
    return head + (_TWO_LAST[rest] if rest > 0x7F else _ONE_LAST[rest])


def _field_encoder(declared: Any, frame: bytes) -> Encode | None:
    if isinstance(declared, list):
        if len(declared) != 2 or declared[0] != "null":
            return None
        return _value_encoder(declared[1], frame + b"\x02", {None: frame + b"\x00"})
    return _value_encoder(declared, frame, {})


def _value_encoder(declared: Any, prefix: bytes, null: dict[Any, bytes]) -> Encode | None:
    """``prefix`` goes before every value; ``null`` holds the bytes of None where None is allowed."""
    kind = declared["type"] if isinstance(declared, dict) else declared
    if kind == "string":
        return _Texts(prefix, null).__getitem__
    if kind == "enum":
        symbols = {symbol: prefix + zigzag(place) for place, symbol in enumerate(declared["symbols"])}
        return (null | symbols).__getitem__
    make = _ENCODERS.get(kind)
    return make(prefix, null.get(None)) if make else None


class _Texts(dict[Any, bytes]):
    """The bytes of each text: those of the first few are remembered, the others made anew."""

    def __init__(self, prefix: bytes, null: dict[Any, bytes]) -> None:
        super().__init__(null)
        self._prefix = prefix

    def __missing__(self, text: Any) -> bytes:
        if type(text) is not str:
            raise NotPlainError
        utf8 = text.encode()
        encoded = self._prefix + zigzag(len(utf8)) + utf8
        if len(self) < REMEMBERED_TEXTS:
            self[text] = encoded
        return encoded


def _bytes(prefix: bytes, null: bytes | None) -> Encode:
    def encode(value: Any) -> bytes:
        if type(value) is bytes:
            return prefix + zigzag(len(value)) + value
        return _null(value, null)

    return encode


def _whole(bits: int, prefix: bytes, null: bytes | None) -> Encode:
    taken = range(-(2 ** (bits - 1)), 2 ** (bits - 1))

    def encode(value: Any) -> bytes:
        # True is an int to Python and none to Avro
        if type(value) is int and value in taken:
            return prefix + zigzag(value)
        return _null(value, null)

    return encode


def _double(prefix: bytes, null: bytes | None) -> Encode:
    pack = struct.Struct("<d").pack

    def encode(value: Any) -> bytes:
        if type(value) is float:
            return prefix + pack(value)
        return _null(value, null)

    return encode


def _boolean(prefix: bytes, null: bytes | None) -> Encode:
    yes, no = prefix + b"\x01", prefix + b"\x00"

    def encode(value: Any) -> bytes:
        if value is True:
            return yes
        return no if value is False else _null(value, null)

    return encode


def _null(value: Any, null: bytes | None) -> bytes:
    if value is None and null is not None:
        return null
    raise NotPlainError


_ENCODERS: Final[Mapping[str, Callable[[bytes, bytes | None], Encode]]] = {
    "bytes": _bytes,
    "int": partial(_whole, 32),
    "long": partial(_whole, 64),
    "double": _double,
    "boolean": _boolean,
}
