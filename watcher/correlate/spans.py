"""Sets of time spans in milliseconds: what was searched, and what is still to be evaluated."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

BEGINNING = -(2**62)
"""A time before every event."""
END = 2**62
"""A time after every event."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Half-open spans `start <= t < end`, ascending, without overlap or contact."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> Spans:
        """Return the union of spans in any order; empty ones are left out."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted(span for span in spans if span[0] < span[1]):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return cls(tuple(merged))

    @classmethod
    def common(cls, several: Iterable[Spans]) -> Spans:
        """Return what all of some spans cover."""
        return reduce(Spans.intersection, several, EVERYWHERE)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def covers(self, start: int, end: int) -> bool:
        """Return whether a single span holds `start <= t < end` completely."""
        index = bisect_right(self.spans, (start, END)) - 1
        return start >= end or (index >= 0 and self.spans[index][1] >= end)

    def within(self, start: int, end: int) -> Spans:
        """Return the part between two times."""
        first = max(bisect_right(self.spans, (start, END)) - 1, 0)
        last = bisect_left(self.spans, (end, BEGINNING))
        return Spans.of((max(start, low), min(end, high)) for low, high in self.spans[first:last])

    def intersection(self, other: Spans) -> Spans:
        """Return what both cover."""
        return Spans.of(span for start, end in self.spans for span in other.within(start, end))

    def without(self, other: Spans) -> Spans:
        """Return what the other does not cover."""
        edges = [BEGINNING, *(edge for span in other.spans for edge in span), END]
        return self.intersection(Spans.of(zip(edges[::2], edges[1::2], strict=True)))

    def shrunk(self, *, behind: int, ahead: int) -> Spans:
        """Return the times t of which `t - behind` to `t + ahead`, both included, are covered."""
        return Spans.of((_later(start, behind), _earlier(end, ahead)) for start, end in self.spans)


EVERYWHERE = Spans(((BEGINNING, END),))
"""All times."""


def _later(start: int, distance: int) -> int:
    return start if start <= BEGINNING else start + distance


def _earlier(end: int, distance: int) -> int:
    return end if end >= END else end - distance
