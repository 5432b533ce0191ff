"""What a run of `python -m bench cost` measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bench.backfill import Filled
from bench.elastalert import Run
from bench.matching import Rate

Told = Mapping[str, Any]
"""What a sidecar says of one search: `wall` and `own` in seconds, `hits`, `memory` in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one measurement cost beside the sidecar's own time."""

    cluster: float  # seconds of the engine's CPU
    bytes: int  # over the loopback

    def __sub__(self, before: Spent) -> Spent:
        """Give what was spent since."""
        return Spent(cluster=self.cluster - before.cluster, bytes=self.bytes - before.bytes)


@dataclass(slots=True)
class Series:
    """Repetitions of one measurement."""

    wall: list[float] = field(default_factory=list)
    cluster: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    last: Told = field(default_factory=dict)

    def add(self, told: Told, spent: Spent) -> None:
        """Add a repetition."""
        self.wall.append(told["wall"])
        self.cluster.append(spent.cluster)
        self.own.append(told["own"])
        self.bytes.append(spent.bytes)
        self.last = told


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One point of the grid."""

    rules: int
    window: timedelta
    index: str
    events: int  # in the index


@dataclass(slots=True, kw_only=True)
class Findings:
    """All that was measured."""

    compiled: dict[int, float] = field(default_factory=dict)  # rules → seconds
    grid: dict[tuple[Cell, str], Series] = field(default_factory=dict)
    alone: dict[str, Series] = field(default_factory=dict)  # at 1,000 rules: what other ways cost
    sweep: Series = field(default_factory=Series)  # over a week in which nothing came late
    elastalert: list[Run] = field(default_factory=list)
    day: dict[str, Series] = field(default_factory=dict)
    backfill: list[Filled] = field(default_factory=list)
    matching: list[Rate] = field(default_factory=list)
    load: tuple[float, float] = (0.0, 0.0)  # of the machine, before and after
