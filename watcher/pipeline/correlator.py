"""Base hits of all sources → hits of correlations; what is kept in memory can be read from the cluster again.

Each sidecar that searches evaluates the correlations. The ids of their hits depend on the events alone, so that
several sidecars, restarts and backfills open an alert once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import attrgetter

from watcher.alerts.correlated_hits import alert_of, correlated_hit
from watcher.alerts.grouping import GroupedHit
from watcher.alerts.stored_event import stored_event
from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.correlate import CorrelationStates, Spans
from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.match.event_view import EventView
from watcher.model import EventDocument, RuleMetadata, Window
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.pipeline.detection_scope import PreparedCorrelation
from watcher.ports import DocumentReader
from watcher.timestamps import milliseconds, moment_at

_READ_TOGETHER = 500  # events that hits are recorded with
_MARGIN = timedelta(minutes=10)  # by which base hits are kept longer than late events need them

ReadBaseHits = Callable[[Window, frozenset[str]], Iterable[BaseHit]]
"""A window and ids of base rules → their base hits, read from the cluster."""


_Checkpoints = Mapping[str, "Checkpoint | None"]
"""Source → its checkpoint."""


@dataclass(frozen=True, slots=True)
class CorrelatedSource:
    """A source whose events correlations count."""

    overlap: timedelta  # for so long events are late
    read: ReadBaseHits


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedWindow:
    """The base hits of a window."""

    window: Window
    base_hits: Sequence[BaseHit]
    incomplete: frozenset[str] = frozenset()  # ids of rules that did not search all of it


@dataclass(slots=True)
class _Memory:
    """The base hits of the recent past."""

    states: CorrelationStates
    since: dict[tuple[str, str], datetime] = field(default_factory=dict)  # source and base rule → read from then on
    until: dict[str, datetime] = field(default_factory=dict)  # source → base hits before it are in the memory
    late: int = 0  # how often other searches had changed the past when it was filled
    horizon: int = 0  # base hits before it are not in the memory, whenever they come


@dataclass(slots=True)
class Correlator:
    """Evaluates the correlations of a plan; the searches of all sources share it."""

    plan: CorrelationPlan
    rules: Mapping[str, PreparedCorrelation]  # by id of the correlation rule
    checkpoint: Callable[[str], Checkpoint | None]  # of a source
    events: DocumentReader
    now: Callable[[], datetime]
    late: LateBaseHits | None = None  # None: no other process keeps base hits
    sources: dict[str, CorrelatedSource] = field(default_factory=dict)
    _memory: _Memory | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def completed(self, source: str, window: SearchedWindow) -> Sequence[CorrelationHit]:
        """Return what the base hits of a searched window complete, as far as it was not returned before.

        The window is the newest of its source, or one of the past. Raises a ClusterError where base hits of earlier
        windows cannot be read.
        """
        with self._lock:
            checkpoints = self._checkpoints()
            checkpoint = checkpoints[source]
            if checkpoint is not None and window.window.end <= checkpoint.watermark:
                return self._past(window)
            return self._newest(source, window, checkpoints)

    def past(self, window: SearchedWindow) -> Sequence[CorrelationHit]:
        """Return what a window that is searched now may change: everything from it to its furthest effect."""
        with self._lock:
            return self._past(window)

    def forget(self) -> None:
        """Forget everything, so that it is read again: what was returned may not have been recorded."""
        with self._lock:
            self._memory = None

    def _checkpoints(self) -> _Checkpoints:
        return {name: self.checkpoint(name) for name in self.sources}

    # ---- the newest window

    def _newest(self, source: str, searched: SearchedWindow, checkpoints: _Checkpoints) -> Sequence[CorrelationHit]:
        late = 0 if self.late is None else self.late.count()
        memory, self._memory = self._memory, None  # until this is complete
        is_kept = memory is not None and memory.late == late
        if memory is None or not is_kept:
            memory = _Memory(CorrelationStates(self.plan.correlations), late=late)
        window, states = searched.window, memory.states
        overlap = max(entry.overlap for entry in self.sources.values()) + _MARGIN
        floor = milliseconds(window.start - overlap) - states.delay
        completed: list[CorrelationHit] = []
        for name, checkpoint in checkpoints.items():
            earlier = self._unread(memory, name, window.start if checkpoint is None else checkpoint.watermark)
            completed.extend(hit for hit in states.add_all(earlier) if is_kept or hit.time >= floor)
        missing = self._missing(searched, memory.until[source])
        memory.until[source] = window.end
        completed.extend(states.decide(self._searched(memory, checkpoints, missing), searched.base_hits))
        memory.horizon = milliseconds(min(memory.until.values()) - overlap)
        states.forget(memory.horizon)
        self._memory = memory
        return completed if is_kept else [hit for hit in completed if hit.time >= floor]

    def _missing(self, searched: SearchedWindow, until: datetime) -> Mapping[str, Spans]:
        """Return what no gap of the checkpoint shows yet, by base rule: before the window, and in it."""
        window = searched.window
        skipped = [(milliseconds(until), milliseconds(window.start))] if until < window.start else []
        own = (milliseconds(window.start), milliseconds(window.end))
        return {
            rule_id: Spans.of([*skipped, own] if rule_id in searched.incomplete else skipped)
            for rule_id in self.plan.roles
        }

    def _unread(self, memory: _Memory, name: str, until: datetime) -> Iterator[BaseHit]:
        """Yield the base hits of a source that the memory lacks; what came late meanwhile is among them."""
        source, until_before = self.sources[name], memory.until.get(name)
        if until_before is not None and until_before >= until:
            return
        for length, rules in self.plan.rules_by_history().items():
            earliest = until - length - source.overlap - _MARGIN
            start = earliest if until_before is None else max(until_before - source.overlap, earliest)
            if start < until:
                yield from source.read(Window(start=start, end=until), rules)
            for rule_id in rules:
                if start == earliest:  # nothing before it is in the memory for certain
                    memory.since[name, rule_id] = start
        memory.until[name] = until

    def _searched(
        self, memory: _Memory, checkpoints: _Checkpoints, missing: Mapping[str, Spans]
    ) -> Mapping[str, Spans]:
        """Return the times whose base hits are all in the memory, by base rule."""
        ends = {name: memory.until[name] - source.overlap for name, source in self.sources.items()}
        return {
            rule_id: Spans.common(
                _searched_spans(memory.since[name, rule_id], end, checkpoints[name], rule_id).without(missing[rule_id])
                for name, end in ends.items()
            )
            for rule_id in self.plan.roles
        }

    # ---- a window of the past

    def _past(self, searched: SearchedWindow) -> Sequence[CorrelationHit]:
        window, base_hits = searched.window, searched.base_hits
        plan = self.plan.concerned({hit.rule_id for hit in base_hits})
        if not plan.correlations:
            return ()
        states = CorrelationStates(plan.correlations)
        completed: list[CorrelationHit] = []
        lengths = plan.rules_by_history()
        longest = max(lengths)
        for length, rules in lengths.items():
            span = Window(start=window.start - length, end=min(window.end + length, self.now()))
            for source in self.sources.values():
                completed.extend(states.add_all(source.read(span, rules)))
        completed.extend(states.add_all(base_hits))
        around = Window(start=window.start - longest, end=min(window.end + longest, self.now()))
        completed.extend(states.decide(self.searched_around(around, window)))
        if base_hits:
            self._remember(searched)
        return [hit for hit in completed if hit.time >= milliseconds(window.start)]

    def _remember(self, searched: SearchedWindow) -> None:
        """Add base hits of the past to the memory: later events may follow them."""
        memory, late = self._memory, 0 if self.late is None else self.late.add(self.now())
        if memory is None or milliseconds(searched.window.start) < memory.horizon or late != memory.late + 1:
            self._memory = None  # it is read again
            return
        memory.states.add(searched.base_hits)  # what they complete was returned
        memory.late = late

    def searched_around(self, around: Window, window: Window) -> Mapping[str, Spans]:
        """Return the times around a window that were searched, by base rule; the window itself is one of them."""
        checkpoints = self._checkpoints()

        def searched(name: str, rule_id: str) -> Spans:
            checkpoint = checkpoints[name]
            end = around.end
            if checkpoint is not None:
                end = min(end, checkpoint.watermark - self.sources[name].overlap)
            own = (milliseconds(window.start), milliseconds(min(window.end, end)))
            return Spans.of((*_searched_spans(around.start, end, checkpoint, rule_id), own))

        return {rule_id: Spans.common(searched(name, rule_id) for name in self.sources) for rule_id in self.plan.roles}

    # ---- alerts

    def grouped(
        self, completed: Sequence[CorrelationHit], since: Mapping[str, datetime]
    ) -> Iterator[tuple[RuleMetadata, Sequence[GroupedHit]]]:
        """Yield the hits that alert by correlation rule, some at a time, in the order of their times.

        `since` is the time before which a correlation rule has no hits.
        """
        alerting = [hit for hit in completed if self._alerts(hit, since.get(hit.rule_id))]
        for rule_id, hits in groupby(sorted(alerting, key=_order), key=attrgetter("rule_id")):
            prepared = self.rules[rule_id]
            while some := tuple(islice(hits, _READ_TOGETHER)):
                yield (
                    prepared.rule,
                    [
                        correlated_hit(hit, prepared.rule, alert_of(hit, prepared.effective), view, self.plan.titles)
                        for hit, view in zip(some, self._views(some), strict=True)
                    ],
                )

    def _alerts(self, hit: CorrelationHit, since: datetime | None) -> bool:
        return hit.rule_id in self.plan.alerting and (since is None or moment_at(hit.time) >= since)

    def _views(self, hits: Sequence[CorrelationHit]) -> Iterator[EventView]:
        """Yield the last event of each hit, as it is stored; an empty one where it was deleted meanwhile."""
        last = [hit.completing for hit in hits]
        keys = [(base.index, base.event_id) for base in last]
        for base, stored in zip(last, self.events.get(keys) if keys else (), strict=True):
            event = {} if stored is None else stored.document
            yield EventView(stored_event(EventDocument(index=base.index, id=base.event_id, event=event)))


def _order(hit: CorrelationHit) -> tuple[str, int, str]:
    return hit.rule_id, hit.time, hit.hit_id


def _searched_spans(start: datetime, end: datetime, checkpoint: Checkpoint | None, rule_id: str) -> Spans:
    """Return the part between two times that a rule searched: without the gaps of the checkpoint."""
    gaps = () if checkpoint is None else checkpoint.gaps
    missing = [
        (milliseconds(gap.window.start), milliseconds(gap.window.end))
        for gap in gaps
        if not gap.rules or rule_id in gap.rules
    ]
    return Spans.of([(milliseconds(start), milliseconds(end))]).without(Spans.of(missing))
