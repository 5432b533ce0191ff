"""A window of a source, opened and planned: what is searched in it, and how its events are read."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from watcher.errors import Incomplete
from watcher.model import QueryPlan, Rule, UnsearchableIndex, Window, affecting
from watcher.pipeline.detection_scope import DetectionScope, FetchedEvents, PreparedRule, StoppableSnapshot
from watcher.ports import EventSource, EventSpan, IndexMapping, Snapshot
from watcher.search.searcher import SearchContext
from watcher.search.source_faults import time_paths
from watcher.search.write_growth import Growth, WriteGrowth
from watcher.settings import Source
from watcher.taxonomy.summary_fields import SUMMARY_PATHS
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, grouping_paths


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWindow:
    """A window while its snapshot is open."""

    mapping: IndexMapping
    context: SearchContext
    plans: Sequence[QueryPlan]
    fetched: FetchedEvents  # so far
    unsearchable: tuple[UnsearchableIndex, ...] = ()  # indices that may hold events of the window


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyWindow:
    """A window in which no index can be searched."""

    unsearchable: tuple[UnsearchableIndex, ...] = ()  # indices that may hold events of the window


@dataclass(slots=True)
class WindowPlanner:
    """Opens windows of one source and plans the queries of its rules; several threads may share it."""

    source: Source
    events: EventSource
    _cache: PlanCache
    _hit_paths: tuple[str, ...]  # paths beside those of the rules that grouping and summaries read
    _growth: WriteGrowth = field(default_factory=WriteGrowth)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, source: Source, events: EventSource, prepared: Sequence[PreparedRule]) -> WindowPlanner:
        """Create the planner of some rules."""
        return cls(source, events, PlanCache(source, _rules(prepared)), _hit_paths(source, prepared))

    def with_rules(self, prepared: Sequence[PreparedRule]) -> WindowPlanner:
        """Return a planner for other rules; plans of rules that stay are kept."""
        cache = self._cache.with_rules(_rules(prepared))
        return WindowPlanner(self.source, self.events, cache, _hit_paths(self.source, prepared), self._growth)

    @contextmanager
    def open(
        self, window: Window, scope: DetectionScope, without: Mapping[str, str] | None = None
    ) -> Iterator[OpenWindow | EmptyWindow]:
        """Open a window and plan its queries; indices that cannot be searched are left out, and those of `without`."""
        pattern, time_field = self.source.index, self.source.time_field
        with self.events.open(pattern, window, time_field=time_field, without=without) as snapshot:
            left_out = [entry.index for entry in snapshot.unsearchable]
            paths = sorted({*self._cache.paths, *self._hit_paths, *time_paths(self.source)})
            mapping = self.events.mapping(pattern, paths, without=left_out)
            unread = {entry.index: entry.reason for entry in mapping.unreadable if entry.index not in left_out}
            if unread:
                raise Incomplete(f"the mapping of `{', '.join(unread)}` cannot be read", indices=unread)
            unsearchable = _unsearchable(snapshot, mapping, window, scope)
            if not set(mapping.indices).difference(left_out):
                yield EmptyWindow(unsearchable=unsearchable)
                return
            spans = [EventSpan(window=window, indices=scope.indices)]
            scoped = snapshot.limited_to(spans) if scope.indices else snapshot
            with self._lock:  # the newest window and gaps are searched by different threads
                plans = self._cache.plans(mapping)
                translator = self._cache.translator_for(mapping)
            fetched = FetchedEvents()
            context = SearchContext(
                snapshot=StoppableSnapshot(scoped, scope, fetched),
                translator=translator,
                event_reader=EventReader(self.source, mapping),
                computed=_computed_paths(mapping, self._hit_paths),
                growth=self._written_lately(scope),
                pause=scope.check,
            )
            selected = plans if scope.rules is None else [plan for plan in plans if plan.rule.id in scope.rules]
            yield OpenWindow(
                mapping=mapping, context=context, plans=tuple(selected), fetched=fetched, unsearchable=unsearchable
            )

    def _written_lately(self, scope: DetectionScope) -> Growth:
        """Return how much was written since the last live search; nothing tells when events of the past were."""
        if scope.memory is None:
            return Growth.UNKNOWN
        return self._growth.since_last(self.events.written_bytes(self.source.index))


def _unsearchable(
    snapshot: Snapshot, mapping: IndexMapping, window: Window, scope: DetectionScope
) -> tuple[UnsearchableIndex, ...]:
    """Return the indices within the scope that may hold events of the window, and were left out or are closed."""
    candidates = (*mapping.unsearchable, *snapshot.unsearchable)
    return tuple(
        entry
        for entry in affecting(candidates, window, (*mapping.indices, *mapping.closed))
        if not scope.indices or entry.index in scope.indices
    )


def _rules(prepared: Sequence[PreparedRule]) -> tuple[Rule, ...]:
    return tuple(entry.rule for entry in prepared)


def _hit_paths(source: Source, prepared: Sequence[PreparedRule]) -> tuple[str, ...]:
    """Return the paths that grouping and summaries of hits read."""
    by_rule = (grouping_paths(entry.rule, _grouping_fields(entry), source) for entry in prepared)
    return tuple(sorted(frozenset(SUMMARY_PATHS).union(*by_rule)))


def _grouping_fields(entry: PreparedRule) -> tuple[str, ...]:
    """Return the fields by which the hits of a rule are grouped, by itself and by correlations."""
    return (*(entry.effective.group_by or ()), *(() if entry.role is None else entry.role.fields))


def _computed_paths(mapping: IndexMapping, paths: Sequence[str]) -> tuple[str, ...]:
    """Return those of the paths whose values the engine computes for each search."""
    return tuple(
        path for path in paths if any(field_type.is_read_by_search for field_type in mapping.fields.get(path, ()))
    )
