"""Which way a window is searched: one pass over its events, or a query for each rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from watcher.settings import Source


class Way(StrEnum):
    """How a window can be searched; both ways find the same."""

    SCAN = "scan"  # its events are read once, and held against all rules in memory
    QUERY = "query"  # each rule is asked of the cluster by its own query


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A way, and why it was taken."""

    way: Way
    because: str


def choose(source: Source, *, events: int, queries: int) -> Choice:
    """Scan where the window's events are fewer than so many for each query, unless settings say otherwise.

    A rule takes one query, or several where one would be too large.
    """
    if source.search != "auto":
        return Choice(way=Way(source.search), because=f"settings say `search: {source.search}`")
    limit = source.scan_below * queries
    way = Way.SCAN if events < limit else Way.QUERY
    compared = "fewer than" if way is Way.SCAN else "not fewer than"
    return Choice(
        way=way,
        because=f"{events:,} events of the window are {compared} {limit:,} "
        f"({source.scan_below:,} for each of {queries:,} queries, by `scan_below`)",
    )
