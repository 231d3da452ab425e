"""Small pieces of Trino SQL text that every renderer uses."""

from fraud_features.features import US_PER_DAY


def double(value: float) -> str:
    """A double literal: a plain decimal point would make it a DECIMAL."""
    return f"{value!r}e0" if "e" not in repr(value) else repr(value)


def as_of_sql(event_us: str, lag_us: str) -> str:
    """Date of the snapshot boundary of a payment."""
    return f"date_add('day', ({event_us} - {lag_us}) / {US_PER_DAY}, date '1970-01-01')"


def coordinates_sum(*filled: str) -> str:
    """Sum of a hash of the Kafka coordinates: another one as soon as a row is added, gone or replaced by another.

    Args:
        filled: columns that may change while the message stays the same; the hash is over them too.
    """
    texts = (f"to_utf8(coalesce(cast({column} as varchar), ''))" for column in filled)
    # hashed one by one, so that no text runs over into the next
    parts = ["to_big_endian_64(_offset * 1024 + _partition)", *(f"xxhash64({text})" for text in texts)]
    return f"sum(cast(from_big_endian_64(xxhash64({' || '.join(parts)})) as decimal(38, 0)))"


def indent(text: str, by: int = 4) -> str:
    """Text with every line moved to the right, for nesting."""
    return "\n".join(" " * by + line if line else line for line in text.splitlines())


def cte(name: str, body: str, *, last: bool = False) -> str:
    """One entry of a WITH clause."""
    return f"{name} as (\n\n{indent(body)}\n\n)" + ("" if last else ",")
