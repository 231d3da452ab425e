"""Which partition a key belongs to: murmur2 as in Kafka's Java client, so that every sender agrees."""

from typing import Final

PARTITIONER: Final = "murmur2_random"
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C


def partition_of(key: str, partitions: int) -> int:
    """The partition that librdkafka's ``murmur2_random`` and the Java client choose for a key."""
    return (murmur2(key.encode("utf-8")) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """32-bit murmur2 with the seed that Kafka uses."""
    length = len(data)
    value = (_SEED ^ length) & _MASK
    whole = length - length % 4
    for position in range(0, whole, 4):
        word = int.from_bytes(data[position : position + 4], "little")
        word = word * _M & _MASK
        word ^= word >> 24
        word = word * _M & _MASK
        value = (value * _M & _MASK) ^ word
    if length % 4:
        value ^= int.from_bytes(data[whole:], "little")
        value = value * _M & _MASK
    value ^= value >> 13
    value = value * _M & _MASK
    return value ^ (value >> 15)
