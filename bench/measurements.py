"""The measurements of a run of `python -m bench cost`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bench.backfill import BackfillRun
from bench.elastalert import ElastalertRun
from bench.matching import Rate

SearchResult = Mapping[str, Any]
"""A sidecar's result of a search: `wall` and `own` in seconds, `hits`, `memory` in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The cost of a measurement besides the sidecar's own time."""

    cluster: float  # seconds of the engine's CPU
    bytes: int  # over the loopback

    def __sub__(self, before: Spent) -> Spent:
        """Return the difference to an earlier total."""
        return Spent(cluster=self.cluster - before.cluster, bytes=self.bytes - before.bytes)


@dataclass(slots=True)
class Series:
    """Repetitions of a measurement."""

    wall: list[float] = field(default_factory=list)
    cluster: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    last: SearchResult = field(default_factory=dict)

    def add(self, result: SearchResult, spent: Spent) -> None:
        """Add a repetition."""
        self.wall.append(result["wall"])
        self.cluster.append(spent.cluster)
        self.own.append(result["own"])
        self.bytes.append(spent.bytes)
        self.last = result


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of the grid."""

    rules: int
    window: timedelta
    index: str
    events: int  # in the index


@dataclass(slots=True, kw_only=True)
class Measurements:
    """All measurements of a run."""

    compiled: dict[int, float] = field(default_factory=dict)  # rules → seconds
    grid: dict[tuple[Cell, str], Series] = field(default_factory=dict)
    alone: dict[str, Series] = field(default_factory=dict)  # at 1,000 rules: other search strategies
    late_event_check: Series = field(default_factory=Series)  # over a week in which nothing came late
    elastalert: list[ElastalertRun] = field(default_factory=list)
    day: dict[str, Series] = field(default_factory=dict)
    backfill: list[BackfillRun] = field(default_factory=list)
    matching: list[Rate] = field(default_factory=list)
    load: tuple[float, float] = (0.0, 0.0)  # of the machine, before and after
