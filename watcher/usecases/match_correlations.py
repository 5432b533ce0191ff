"""Files of events and correlation rules → the hits of correlations, once all files are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from watcher.correlate import correlate
from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.correlate.correlation_texts import cut_values_text
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.usecases.match_events import MatchedChunk


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedCorrelations:
    """What correlations found in some files."""

    hits: tuple[CorrelationHit, ...] = ()  # of the correlation rules that alert, by time
    undecided: int = 0  # what only later events could decide
    uncounted: tuple[str, ...] = ()  # what correlations do not count: one sentence for each


@dataclass(slots=True)
class CorrelationCollector:
    """Collects what correlations count; the first and last event of all files are its beginning and end."""

    plan: CorrelationPlan
    _base_hits: list[BaseHit] = field(default_factory=list)
    _first: int | None = None
    _last: int | None = None

    def add(self, chunk: MatchedChunk) -> None:
        """Add what correlations count of a part of a file."""
        self._base_hits.extend(chunk.base_hits)
        if chunk.first is not None:
            self._first = chunk.first if self._first is None else min(self._first, chunk.first)
        if chunk.last is not None:
            self._last = chunk.last if self._last is None else max(self._last, chunk.last)

    def result(self) -> MatchedCorrelations:
        """Evaluate the correlations."""
        if self._last is None:
            return MatchedCorrelations()
        correlated = correlate(self.plan.correlations, self._base_hits, end=self._last, begin=self._first)
        hits = (hit for hit in correlated.matches if hit.rule_id in self.plan.alerting)
        return MatchedCorrelations(
            hits=tuple(sorted(hits, key=lambda hit: (hit.time, hit.rule_id, hit.group, hit.hit_id))),
            undecided=len(correlated.undecided),
            uncounted=tuple(
                cut_values_text(self.plan.titles.get(rule_id, rule_id), cut)
                for rule_id, cut in correlated.uncounted.values.items()
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationTally:
    """The hits of one correlation rule in one group."""

    rule_id: str
    group: tuple[tuple[str, str], ...]
    hits: int
    first: int  # milliseconds since 1970
    last: int
    largest: CorrelationHit  # with the highest number


def tallies(hits: Sequence[CorrelationHit]) -> tuple[CorrelationTally, ...]:
    """Return the hits by rule and group, in the order of their first hit."""
    grouped: dict[tuple[str, tuple[tuple[str, str], ...]], list[CorrelationHit]] = {}
    for hit in hits:
        key = tuple((name, value.casefold()) for name, value in hit.group)
        grouped.setdefault((hit.rule_id, key), []).append(hit)
    return tuple(
        CorrelationTally(
            rule_id=entries[0].rule_id,
            group=entries[0].group,
            hits=len(entries),
            first=min(entry.first for entry in entries),
            last=max(entry.last for entry in entries),
            largest=max(entries, key=lambda entry: (entry.number or 0, sum(entry.counts.values()))),
        )
        for entries in grouped.values()
    )
