"""The partition of a key is the one that Kafka's Java client chooses."""

import pytest

from fraud_producer.partitioning import murmur2, partition_of


# the values that Apache Kafka's own tests expect, as unsigned numbers
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF


def test_partition_is_in_range() -> None:
    assert {partition_of(f"U{number:04d}", 10) for number in range(2000)} == set(range(10))
