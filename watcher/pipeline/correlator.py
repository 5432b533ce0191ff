"""Base hits of all sources → hits of correlations; what is kept in memory can be read from the cluster again.

Each sidecar that searches evaluates the correlations. The ids of their hits depend on the events alone, so that
several sidecars, restarts and backfills open an alert once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from watcher.alerts.grouping import GroupedHit
from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.interruptions import Interruption
from watcher.checkpoints.late_base_hits import LateBaseHits, LateRecord
from watcher.correlate import MOST_BASE_HITS, CorrelationStates, Spans, Uncounted
from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.model import RuleMetadata, Window
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.pipeline.correlated_alerts import CorrelatedAlerts
from watcher.pipeline.correlation_memory import CorrelatedMemory, RememberedHits
from watcher.pipeline.detection_scope import PreparedCorrelation
from watcher.pipeline.hidden_times import HiddenTimes
from watcher.pipeline.interrupted_searches import InterruptedSearches, first_interruption, interruption_of
from watcher.pipeline.returned_groups import Completion, ReturnedGroups, with_return
from watcher.pipeline.searched_windows import (
    CorrelatedSource,
    SearchedWindow,
    listed_starts,
    no_source_starts,
    searched_spans,
)
from watcher.ports import DocumentReader
from watcher.timestamps import milliseconds

_MARGIN = timedelta(minutes=10)  # by which base hits are kept longer than late events need them
_KEPT_LONGER = 1 / 8  # of a timespan: late events of that time need no history from the cluster
_LONGEST_KEPT = timedelta(days=1)  # of an interruption that is still waited for


@dataclass(slots=True)
class Correlator:
    """Evaluates the correlations of a plan; the searches of all sources share it."""

    plan: CorrelationPlan
    rules: Mapping[str, PreparedCorrelation]  # by id of the correlation rule
    checkpoint: Callable[[str], Checkpoint | None]  # of a source
    events: DocumentReader
    now: Callable[[], datetime]
    starts: Callable[[str], Mapping[str, datetime]] = no_source_starts  # since when a source is searched by each rule
    most_base_hits: int = MOST_BASE_HITS  # in memory
    late: LateBaseHits | None = None  # None: no other process keeps base hits
    returned: ReturnedGroups | None = None  # None: alerts are not resolved
    sources: dict[str, CorrelatedSource] = field(default_factory=dict)
    uncounted: Uncounted = field(default_factory=Uncounted)
    _memory: CorrelatedMemory | None = None
    _unsettled: tuple[Interruption, ...] = ()  # times of which events may still arrive
    _waits: bool = field(init=False)
    _interrupted: InterruptedSearches | None = field(init=False, default=None)
    _hidden: HiddenTimes = field(init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._waits = CorrelationStates(self.plan.correlations).waits
        self._hidden = HiddenTimes(self.late, self.sources, self.now)
        if self.late is not None:
            self._interrupted = InterruptedSearches(self.late)

    def completed(self, source: str, window: SearchedWindow) -> Completion:
        """Return what the base hits of a searched window complete, as far as it was not returned before.

        The window is the newest of its source, or one of the past. Raises a ClusterError where base hits of earlier
        windows cannot be read.
        """
        with self._lock:
            checkpoints = self._checkpoints()
            checkpoint = checkpoints[source]
            record = self._noted(source, window, checkpoint)
            if checkpoint is not None and window.window.end <= checkpoint.watermark:
                return self._past(window)
            again = self._searched_again(record)
            newest = self._newest(source, window, checkpoints, record)
            return replace(newest, hits=[*again, *newest.hits])

    def past(self, window: SearchedWindow) -> Completion:
        """Return what a window that is searched now may change: everything from it to its furthest effect."""
        with self._lock:
            self.wait_for(self._hidden.record())
            return self._past(window)

    def resolve(self, completion: Completion) -> None:
        """Resolve the alerts of absences whose groups were seen again, once the hits are recorded."""
        if self.returned is not None:
            with self._lock:
                self.returned.resolve(completion, self.plan, self.rules, now=self.now())

    def forget(self) -> None:
        """Forget everything, so that it is read again: what was returned may not have been recorded."""
        with self._lock:
            self._memory = None
            if self._interrupted is not None:
                self._interrupted.searched_again = ()

    def _checkpoints(self) -> Mapping[str, Checkpoint | None]:
        return {name: self.checkpoint(name) for name in self.sources}

    # ---- interruptions

    def _noted(self, source: str, searched: SearchedWindow, checkpoint: Checkpoint | None) -> LateRecord:
        """Return what sidecars share about the past, with the interruption that a search ends."""
        if self._interrupted is None:
            return LateRecord()
        now, interruption = self.now(), None
        if self._waits and not searched.incomplete:
            window, times = searched.window, self.sources[source].times
            if checkpoint is None:
                interruption = first_interruption(source, self.starts(source).values(), window, now)
            else:
                interruption = interruption_of(source, times, window, checkpoint, now)
        count = None if self._memory is None else self._memory.late
        before = self._interrupted.late.read() if self._interrupted.searched_again else None
        record = self._interrupted.noted(interruption, now)
        if self._memory is not None and before is not None and before.count == count:
            self._memory.late = record.count  # what is counted is in the memory
        record = self._hidden.renew(record)
        self.wait_for(record)
        return record

    def wait_for(self, record: LateRecord) -> None:
        """Decide nothing that depends on absent events in interruptions of which events may still arrive."""
        now = self.now()
        self._unsettled = tuple(
            each
            for each in record.interruptions
            if each.source in self.sources and not each.is_settled(now, self.sources[each.source].overlap)
        )

    def _searched_again(self, record: LateRecord) -> Sequence[CorrelationHit]:
        """Read the times of interruptions again whose events are there now, and return what they complete."""
        if self._interrupted is None:
            return ()
        due = [each for each in record.interruptions if each not in self._unsettled and each.source in self.sources]
        completed: list[CorrelationHit] = []
        for each in due:
            memory, window = self._memory, Window(start=each.start, end=each.end)
            if memory is not None and memory.late == record.count and milliseconds(each.start) >= memory.horizon:
                rules = frozenset(self.plan.roles)
                completed.extend(memory.states.add_all(self.sources[each.source].read(window, rules)))
                continue
            self._memory = None
            # what was before the interruption may have waited for events in it
            waited = timedelta(milliseconds=CorrelationStates(self.plan.correlations).delay)
            completed.extend(self._past(SearchedWindow(window=window, base_hits=()), waited).hits)
        self._interrupted.searched_again = tuple(due)
        return completed

    def _newest(
        self, source: str, searched: SearchedWindow, checkpoints: Mapping[str, Checkpoint | None], record: LateRecord
    ) -> Completion:
        memory, self._memory = self._memory, None  # until this is complete
        is_kept = memory is not None and memory.late == record.count
        if memory is None or not is_kept:
            memory = CorrelatedMemory(CorrelationStates(self.plan.correlations, self.most_base_hits), late=record.count)
            memory.states.expect(listed_starts(self.plan.correlations, self.starts, self.sources))
        window, states = searched.window, memory.states
        overlap = max(entry.overlap for entry in self.sources.values()) + _MARGIN
        floor = milliseconds(window.start - overlap) - states.delay
        completed: list[CorrelationHit] = []
        for name, checkpoint in checkpoints.items():
            earlier = self._unread(memory, name, window.start if checkpoint is None else checkpoint.watermark)
            completed.extend(hit for hit in states.add_all(earlier) if is_kept or hit.time >= floor)
        if not is_kept:
            self.wait_for(self._hidden.record())
        missing = self._missing(searched, memory, memory.until[source])
        memory.until[source] = window.end
        completed.extend(states.decide(self._searched(memory, checkpoints, missing), searched.base_hits))
        until = min(memory.until.values())
        # what was just read goes back to that time alone
        waiting = [max(each.start, until - _LONGEST_KEPT) for each in self._unsettled if is_kept]
        memory.horizon = max(memory.horizon, milliseconds(min([until - overlap, *waiting])))
        states.forget(memory.horizon, _KEPT_LONGER)
        self._memory, self.uncounted = memory, states.uncounted()
        return Completion(hits=[hit for hit in completed if is_kept or hit.time >= floor], states=states)

    def _missing(self, searched: SearchedWindow, memory: CorrelatedMemory, until: datetime) -> Mapping[str, Spans]:
        """Return what no gap of the checkpoint shows yet, by base rule: before the window, and in it."""
        window = searched.window
        skipped = [(milliseconds(until), milliseconds(window.start))] if until < window.start else []
        own = (milliseconds(window.start), milliseconds(window.end))
        waiting = memory.states.waiting_rules & self.plan.roles.keys()
        return {rule: Spans.of([*skipped, own] if rule in searched.incomplete else skipped) for rule in waiting}

    def _unread(self, memory: CorrelatedMemory, name: str, until: datetime) -> Iterator[BaseHit]:
        """Yield the base hits of a source that the memory lacks; what came late meanwhile is among them."""
        source, until_before = self.sources[name], memory.until.get(name)
        if until_before is not None and until_before >= until:
            return
        for length, rules in self.plan.rules_by_history().items():
            earliest = until - length - source.overlap - _MARGIN
            start = earliest if until_before is None else max(until_before - source.overlap, earliest)
            if start < until:
                window = Window(start=start, end=until)
                yield from self._hidden.read(name, window, rules) if start == earliest else source.read(window, rules)
            for rule_id in rules:
                if start == earliest:  # nothing before it is in the memory for certain
                    memory.since[name, rule_id] = start
        memory.until[name] = until

    def _searched(
        self, memory: CorrelatedMemory, checkpoints: Mapping[str, Checkpoint | None], missing: Mapping[str, Spans]
    ) -> Mapping[str, Spans]:
        """Return the times whose base hits are all in the memory, by base rule."""
        ends = {name: memory.until[name] - source.overlap for name, source in self.sources.items()}
        return {
            rule_id: Spans.common(
                searched_spans(memory.since[name, rule_id], end, checkpoints[name], rule_id)
                .without(missing[rule_id])
                .without(self._waiting(name))
                for name, end in ends.items()
            )
            for rule_id in missing
        }

    def _past(self, searched: SearchedWindow, waited: timedelta = timedelta(0)) -> Completion:
        """Return what the base hits of a window complete in it and after it, and for as long before it as is waited."""
        plan = self.plan.concerned({hit.rule_id for hit in searched.base_hits})
        remembered = self._remember(searched) if searched.base_hits else RememberedHits()
        since = milliseconds(searched.window.start - waited)
        read = self._read_past(plan.without(remembered.correlations), searched, since)
        return replace(read, hits=[*(hit for hit in remembered.completed if hit.time >= since), *read.hits])

    def _read_past(self, plan: CorrelationPlan, searched: SearchedWindow, since: int) -> Completion:
        """Return what correlations find around a window, from a time on, when its history is read from the cluster."""
        if not plan.correlations:
            return Completion()
        window, now, completed = searched.window, self.now(), list[CorrelationHit]()
        states = CorrelationStates(plan.correlations, self.most_base_hits)
        states.expect(listed_starts(self.plan.correlations, self.starts, self.sources))
        lengths = plan.rules_by_history()
        for length, rules in lengths.items():
            span = Window(start=window.start - length, end=min(window.end + length, now))
            for name in self.sources:
                completed.extend(states.add_all(self._hidden.read(name, span, rules)))
        self.wait_for(self._hidden.record())
        completed.extend(states.add_all(searched.base_hits))
        longest = max(lengths)
        around = Window(start=window.start - longest, end=min(window.end + longest, now))
        completed.extend(states.decide(self.searched_around(around, window)))
        return self.with_return(
            Completion(hits=[hit for hit in completed if hit.time >= since], states=states), around.end
        )

    def with_return(self, completion: Completion, end: datetime) -> Completion:
        """Return a completion with the times at which absent groups were seen again, however long after `end`."""
        return with_return(completion, self.sources.values(), self.plan, (end, self.now()))

    def _remember(self, searched: SearchedWindow) -> RememberedHits:
        """Add base hits of the past to the memory, and evaluate what it can; the memory may have to be read again."""
        memory, late = self._memory, 0 if self.late is None else self.late.add(self.now())
        start = milliseconds(searched.window.start)
        if memory is None or not memory.covers(start) or late != memory.late + 1:
            self._memory = None
            return RememberedHits()
        memory.late = late
        return memory.remember(searched.base_hits, start, self.sources)

    def searched_around(self, around: Window, window: Window) -> Mapping[str, Spans]:
        """Return the times around a window that were searched, by base rule; the window itself is one of them."""
        checkpoints = self._checkpoints()

        def searched(name: str, rule_id: str) -> Spans:
            checkpoint = checkpoints[name]
            end = around.end
            if checkpoint is not None:
                end = min(end, checkpoint.watermark - self.sources[name].overlap)
            own = (milliseconds(window.start), milliseconds(min(window.end, end)))
            spans = Spans.of((*searched_spans(around.start, end, checkpoint, rule_id), own))
            return spans.without(self._waiting(name))

        return {rule_id: Spans.common(searched(name, rule_id) for name in self.sources) for rule_id in self.plan.roles}

    def _waiting(self, name: str) -> Spans:
        """Return the times of a source of which events may still arrive after an interruption."""
        return Spans.of(
            (milliseconds(each.start), milliseconds(each.end)) for each in self._unsettled if each.source == name
        )

    # ---- alerts

    def grouped(
        self, completed: Sequence[CorrelationHit], since: Mapping[str, datetime]
    ) -> Iterator[tuple[RuleMetadata, Sequence[GroupedHit]]]:
        """Yield the hits that alert by correlation rule, some at a time, in the order of their times.

        `since` is the time before which a correlation rule has no hits.
        """
        return CorrelatedAlerts(self.plan, self.rules, self.events).grouped(completed, since)
