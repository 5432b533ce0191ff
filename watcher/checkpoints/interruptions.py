"""Times that were searched late, because the cluster or the sidecars did not run: events of them may still arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from watcher.timestamps import format_timestamp

_MOST = 100  # that are stored; the nearest ones are joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """A time span of a source that was not searched when it was due."""

    source: str
    start: datetime
    end: datetime
    searched: datetime  # when all of it was searched at last
    indices: tuple[str, ...] = ()  # that could not be searched at that time, and may hold events of it

    def is_settled(self, now: datetime, lateness: timedelta) -> bool:
        """Whether its events are there: they arrive within the lateness after the cluster took events again.

        Where indices could not be searched, it goes on at each search as long as they cannot.
        """
        return self.searched + lateness < now if self.indices else self.searched + lateness <= now

    def is_like(self, other: Interruption) -> bool:
        """Whether both wait for the same events, so that they may be joined."""
        return (self.source, self.indices) == (other.source, other.indices)

    def as_body(self) -> dict[str, Any]:
        """Return it as it is stored."""
        times = {name: format_timestamp(getattr(self, name)) for name in ("start", "end", "searched")}
        return {"source": self.source, **times, **({"indices": list(self.indices)} if self.indices else {})}

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Interruption:
        """Return what `as_body` wrote."""
        times = {name: datetime.fromisoformat(str(body[name])) for name in ("start", "end", "searched")}
        return cls(source=str(body["source"]), indices=tuple(body.get("indices") or ()), **times)


def joined_interruptions(interruptions: Iterable[Interruption]) -> tuple[Interruption, ...]:
    """Return interruptions by source and time; where they overlap, the one that was searched later counts.

    Of too many the nearest are joined.
    """
    parts: list[Interruption] = []
    for each in sorted(interruptions, key=lambda entry: entry.searched):
        parts = [*(rest for part in parts for rest in _without(part, each)), each]
    joined = sorted(parts, key=lambda entry: (entry.source, entry.indices, entry.start))
    while len(joined) > _MOST:
        gaps = [
            (after.start - before.end, number)
            for number, (before, after) in enumerate(pairwise(joined))
            if before.is_like(after)
        ]
        if not gaps:
            break
        _, number = min(gaps)
        joined[number : number + 2] = [_union(joined[number], joined[number + 1])]
    return tuple(joined)


def _without(part: Interruption, later: Interruption) -> Iterator[Interruption]:
    """Yield what is left of an interruption beside one that was searched later."""
    if not part.is_like(later) or later.end <= part.start or part.end <= later.start:
        yield part
        return
    if part.start < later.start:
        yield replace(part, end=later.start)
    if later.end < part.end:
        yield replace(part, start=later.end)


def _union(first: Interruption, second: Interruption) -> Interruption:
    return replace(
        first,
        start=min(first.start, second.start),
        end=max(first.end, second.end),
        searched=max(first.searched, second.searched),
    )
