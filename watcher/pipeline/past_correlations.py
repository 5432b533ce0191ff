"""Correlations of a backfill: the base hits of its slices, oldest first, each event read once.

What lies before the first slice is read once, as far back as the correlations reach. Between slices nothing is read
again: the states keep what later slices need, as those of live searches do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.correlate import CorrelationStates, Spans
from watcher.correlate.correlation_texts import cut_values_text
from watcher.model import Window
from watcher.model.correlation_hits import CorrelationHit
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.hit_recorder import HitRecorder
from watcher.pipeline.returned_groups import Completion
from watcher.pipeline.searched_windows import SearchedWindow
from watcher.timestamps import milliseconds

log = structlog.get_logger(__name__)

_NOTHING = Spans()
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class PastCorrelations:
    """Evaluates the correlations over the slices of one source."""

    correlator: Correlator
    source: str
    recorder: Callable[[], HitRecorder]
    now: Callable[[], datetime]
    late: LateBaseHits | None = None  # with the interruptions of live searches; None: there are none
    _unread: Spans = _NOTHING  # slices of which an index was not searched
    _states: CorrelationStates | None = None
    _start: datetime = _BEGINNING  # of the first slice
    _until: datetime = _BEGINNING  # base hits before it are in the states

    def add(self, searched: SearchedWindow) -> HitRecorder:
        """Record what the base hits of a slice complete; slices come in the order of their times.

        Where a rule did not search all of a slice, nothing is decided that depends on absent events there.

        Raises a ClusterError where base hits of other times or sources cannot be read; the next call begins anew.
        """
        window, base_hits = searched.window, searched.base_hits
        states, self._states = self._states, None  # until this is complete
        earlier: Iterator[CorrelationHit] = iter(())
        if states is None:
            states = CorrelationStates(self.correlator.plan.correlations, self.correlator.most_base_hits)
            self._start = self._until = window.start
            earlier = self._read_history(states, window.start)
        completed = [hit for hit in earlier if hit.time >= milliseconds(self._start)]
        for name, source in self.correlator.sources.items():
            end = window.start if name == self.source else window.end
            if self._until < end:
                span = Window(start=self._until, end=end)
                completed += states.add_all(source.read(span, frozenset(self.correlator.plan.roles)))
        completed += states.add_all(base_hits)
        if searched.incomplete:
            own = (milliseconds(window.start), milliseconds(window.end))
            self._unread = Spans.of((*self._unread, own))
        completed += self._decided(states, window.end)
        recorder = self._record(completed, states, read_until=None)
        states.forget(milliseconds(window.end))
        self._states, self._until = states, window.end
        return recorder

    def finish(self) -> HitRecorder:
        """Record what base hits after the last slice complete or decide."""
        states, self._states = self._states, None
        if states is None:
            return self.recorder()
        completed: list[CorrelationHit] = []
        end, now = self._until, self.now()
        for length, rules in self.correlator.plan.rules_by_history().items():
            until = min(self._until + length, now)
            if until > self._until:
                span = Window(start=self._until, end=until)
                for source in self.correlator.sources.values():
                    completed += states.add_all(source.read(span, rules))
            end = max(end, until)
        completed += self._decided(states, end)
        self._warn_of_cut_values(states)
        return self._record(completed, states, read_until=end)

    def _warn_of_cut_values(self, states: CorrelationStates) -> None:
        titles = self.correlator.plan.titles
        for rule_id, cut in states.uncounted().values.items():
            log.warning("correlation.values_cut", message=cut_values_text(titles.get(rule_id, rule_id), cut))

    def _read_history(self, states: CorrelationStates, start: datetime) -> Iterator[CorrelationHit]:
        for length, rules in self.correlator.plan.rules_by_history().items():
            span = Window(start=start - length, end=start)
            for source in self.correlator.sources.values():
                yield from states.add_all(source.read(span, rules))

    def _decided(self, states: CorrelationStates, end: datetime) -> Sequence[CorrelationHit]:
        longest = max(self.correlator.plan.rules_by_history())
        around = Window(start=self._start - longest, end=end)
        own = Window(start=self._start, end=max(end, self._start))
        if self.late is not None:
            self.correlator.wait_for(self.late.read())
        searched = self.correlator.searched_around(around, own)
        return states.decide({rule_id: spans.without(self._unread) for rule_id, spans in searched.items()})

    def _record(
        self, completed: Sequence[CorrelationHit], states: CorrelationStates, *, read_until: datetime | None
    ) -> HitRecorder:
        """Record hits and resolve absences; `read_until` is where base hits that later slices bring do not begin."""
        recorder = self.recorder()
        hits = [hit for hit in completed if hit.time >= milliseconds(self._start)]
        completion = Completion(hits=hits, states=states)
        if read_until is not None:
            completion = self.correlator.with_return(completion, read_until)
        for rule, grouped in self.correlator.grouped(hits, {}):
            recorder.add(rule, grouped)
        recorder.flush()
        self.correlator.resolve(completion)
        return recorder
