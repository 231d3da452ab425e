"""Sets of Kafka offsets as sorted ranges: a partition of any length costs a few ranges, not a few million numbers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class OffsetRanges:
    """A set of offsets: disjoint, sorted, half-open ``(begin, end)`` ranges that never touch each other."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of_ranges(cls, ranges: Iterable[tuple[int, int]]) -> Self:
        """The union of half-open ranges in any order; empty ones vanish."""
        merged: list[tuple[int, int]] = []
        for begin, end in sorted(ranges):
            if begin >= end:
                continue
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return cls(tuple(merged))

    @classmethod
    def of_offsets(cls, offsets: Iterable[int]) -> Self:
        return cls.of_ranges((offset, offset + 1) for offset in offsets)

    def __len__(self) -> int:
        return sum(end - begin for begin, end in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for begin, end in self.ranges:
            yield from range(begin, end)

    def __or__(self, other: "OffsetRanges") -> "OffsetRanges":
        return OffsetRanges.of_ranges((*self.ranges, *other.ranges))

    def __and__(self, other: "OffsetRanges") -> "OffsetRanges":
        return self - (self - other)

    def __sub__(self, other: "OffsetRanges") -> "OffsetRanges":
        left: list[tuple[int, int]] = []
        holes = iter(other.ranges)
        hole = next(holes, None)
        for begin, end in self.ranges:
            start = begin
            while hole is not None and hole[0] < end:
                if hole[0] > start:
                    left.append((start, hole[0]))
                start = max(start, hole[1])
                if hole[1] > end:
                    break  # this hole reaches into the next range as well
                hole = next(holes, None)
            if start < end:
                left.append((start, end))
        return OffsetRanges(tuple(left))

    def below(self, end: int) -> "OffsetRanges":
        """The offsets smaller than ``end``."""
        return OffsetRanges.of_ranges((begin, min(stop, end)) for begin, stop in self.ranges)

    def first(self, count: int) -> list[int]:
        """The ``count`` smallest offsets."""
        return [offset for offset, _ in zip(self, range(count), strict=False)]
