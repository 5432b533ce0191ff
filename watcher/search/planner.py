"""The search strategy of a window: one scan of its events, or a query for each rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from watcher.settings import Source


class Strategy(StrEnum):
    """How a window is searched; both strategies yield the same hits."""

    SCAN = "scan"  # its events are read once and matched with all rules in memory
    QUERY = "query"  # each rule is searched by its own query


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyChoice:
    """A strategy and the reason for it."""

    strategy: Strategy
    reason: str


def choose_strategy(source: Source, *, events: int, queries: int, unread: int = 0) -> StrategyChoice:
    """Return `scan` if the window has fewer than `scan_below` events for each query, unless settings name a strategy.

    A rule takes one query, or several if one would be too large. `unread` indices, whose mapping is not known, make
    queries return most events of a log source, so that a scan reads less.
    """
    if source.search != "auto":
        return StrategyChoice(strategy=Strategy(source.search), reason=f"settings say `search: {source.search}`")
    if unread:
        return StrategyChoice(
            strategy=Strategy.SCAN, reason=f"the mapping of {unread:,} indices cannot be read, so queries are imprecise"
        )
    limit = source.scan_below * queries
    strategy = Strategy.SCAN if events < limit else Strategy.QUERY
    compared = "fewer than" if strategy is Strategy.SCAN else "not fewer than"
    return StrategyChoice(
        strategy=strategy,
        reason=f"{events:,} events of the window are {compared} {limit:,} "
        f"({source.scan_below:,} for each of {queries:,} queries, by `scan_below`)",
    )
