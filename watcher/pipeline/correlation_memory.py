"""The base hits of the recent past that a process keeps: a cache of what the cluster holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watcher.correlate import CorrelationStates
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.timestamps import milliseconds


@dataclass(frozen=True, slots=True)
class RememberedHits:
    """What late base hits complete without reading their history, and the correlations of which that is everything."""

    completed: tuple[CorrelationHit, ...] = ()
    correlations: frozenset[str] = frozenset()


@dataclass(slots=True)
class CorrelatedMemory:
    """The base hits of the recent past."""

    states: CorrelationStates
    since: dict[tuple[str, str], datetime] = field(default_factory=dict)  # source and base rule → read from then on
    until: dict[str, datetime] = field(default_factory=dict)  # source → base hits before it are in the memory
    late: int = 0  # how often other searches had changed the past when it was filled
    horizon: int = 0  # base hits before it are not in the memory, whenever they come

    def covers(self, start: int) -> bool:
        """Return whether base hits from a time on can be added: hits of inner correlations need all the history."""
        return start >= self.horizon or not self.states.has_chains

    def remember(self, base_hits: Sequence[BaseHit], start: int, sources: Collection[str]) -> RememberedHits:
        """Add late base hits, none of them from before a time, and evaluate what needs no more history than is kept."""
        if self.states.has_chains:
            self.states.add(base_hits)
            return RememberedHits()
        correlations = frozenset(
            rule_id for rule_id in self.states.remembering(start) if self._has_history(rule_id, start, sources)
        )
        return RememberedHits(self.states.remember(base_hits, correlations), correlations)

    def _has_history(self, rule_id: str, start: int, sources: Collection[str]) -> bool:
        """Return whether the windows of a correlation from a time on are complete, as far as they were searched."""
        state = self.states.states[rule_id]
        read = [self.since.get((name, base)) for name in sources for base in state.correlation.base_rules]
        return all(since is not None and milliseconds(since) <= start - state.reach.behind for since in read)
