"""Which way a window is searched: one pass over its events, or a query for each rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from watcher.settings import Source


class Strategy(StrEnum):
    """How a window can be searched; both ways find the same."""

    SCAN = "scan"  # its events are read once, and held against all rules in memory
    QUERY = "query"  # each rule is asked of the cluster by its own query


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyChoice:
    """A way, and why it was taken."""

    way: Strategy
    because: str


def choose_strategy(source: Source, *, events: int, queries: int) -> StrategyChoice:
    """Scan where the window's events are fewer than so many for each query, unless settings say otherwise.

    A rule takes one query, or several where one would be too large.
    """
    if source.search != "auto":
        return StrategyChoice(way=Strategy(source.search), because=f"settings say `search: {source.search}`")
    limit = source.scan_below * queries
    way = Strategy.SCAN if events < limit else Strategy.QUERY
    compared = "fewer than" if way is Strategy.SCAN else "not fewer than"
    return StrategyChoice(
        way=way,
        because=f"{events:,} events of the window are {compared} {limit:,} "
        f"({source.scan_below:,} for each of {queries:,} queries, by `scan_below`)",
    )
