"""Correlations of a backfill: the same as in order, however the past is cut, resumed and interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from pipeline.test_correlator import plan_of
from support.fakes import NOW
from support.memory_state import MemoryDocuments
from support.random_correlations import Scenario, scenario

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import GroupedHit
from watcher.checkpoints.interruptions import Interruption
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.correlate import correlate
from watcher.errors import Overloaded
from watcher.model import RuleMetadata, Window
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.model.correlations import Correlation, CorrelationType
from watcher.pipeline import DetectionScope, PastCorrelations
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.hit_recorder import HitRecorder
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.pipeline.searched_windows import CorrelatedSource
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import milliseconds, moment_at
from watcher.usecases.backfill_correlations import CorrelatedSlices
from watcher.usecases.backfill_job import SliceResult


@dataclass(slots=True)
class RecordingCorrelator(Correlator):
    """A correlator that keeps what would be recorded."""

    recorded: dict[str, CorrelationHit] = field(default_factory=dict)

    def grouped(
        self, completed: Sequence[CorrelationHit], since: Mapping[str, datetime]
    ) -> Iterator[tuple[RuleMetadata, Sequence[GroupedHit]]]:
        assert not since
        self.recorded.update((hit.hit_id, hit) for hit in completed)
        return iter(())


@dataclass(slots=True)
class Past:
    """A cluster without a live search, whose reads may fail, and a backfill over it."""

    case: Scenario
    random: Random
    failing: float
    correlator: RecordingCorrelator = field(init=False)
    read: list[tuple[Window, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.correlator = RecordingCorrelator(
            plan=plan_of(self.case.correlations),
            rules={},
            checkpoint=lambda _: None,
            events=MemoryDocuments(),
            now=self.now,
        )
        for name in ("windows", "linux"):
            self.correlator.sources[name] = CorrelatedSource(
                SearchTimes(every=timedelta(minutes=1), overlap=timedelta(0)), self._reader(name)
            )

    def now(self) -> datetime:
        return moment_at(self.case.end + 1)

    def hits(self, window: Window, source: str) -> tuple[BaseHit, ...]:
        """Return the base hits of a window of a source: every third event is of the other one."""
        return tuple(
            hit
            for hit in self.case.base_hits
            if window.start <= moment_at(hit.time) < window.end
            and (int(hit.hit_id.removeprefix("event-")) % 3 == 0) is (source == "linux")
        )

    def _reader(self, source: str) -> CorrelatedSource:
        def read(window: Window, rules: frozenset[str]) -> Iterator[BaseHit]:
            if self.random.random() < self.failing:
                raise Overloaded("too many requests")
            for hit in self.hits(window, source):
                if hit.rule_id in rules:
                    yield hit

        return read  # type: ignore[return-value] # the parts of a source are tested elsewhere

    def slices(self) -> list[Window]:
        """Return slices from the first base hit to the end, with the time of one millisecond for the last event."""
        first = min(hit.time for hit in self.case.base_hits)
        edges = sorted({first, self.case.end + 1, *self.random.choices(range(first, self.case.end + 2), k=5)})
        return [Window(start=moment_at(start), end=moment_at(end)) for start, end in pairwise(edges)]

    def run(self, slices: Sequence[Window]) -> set[Window]:
        """Search slices in parallel, and return those that are done."""
        past = PastCorrelations(correlator=self.correlator, source="windows", recorder=self.recorder, now=self.now)
        correlated, done = CorrelatedSlices(past), set[Window]()
        correlated.begin(slices)
        waiting = list(slices)
        while waiting:
            window = waiting.pop(self.random.randrange(min(2, len(waiting))))
            error = "too slow" if self.random.random() < self.failing else ""
            result = SliceResult(window=window, base_hits=() if error else self.hits(window, "windows"), error=error)
            done.update(entry.window for entry in correlated.results([result]) if not entry.error)
        return done

    def recorder(self) -> HitRecorder:
        return HitRecorder(
            alert_store=AlertStore(MemoryDocuments()),
            prepared={},
            origin="backfill",
            scope=DetectionScope(),
            now=self.now,
        )


def outcome(seed: int, failing: float) -> tuple[set[str], set[str]]:
    """Return the ids of the hits that a backfill records in several runs, and of those in order."""
    random = Random(seed)  # noqa: S311 - reproducible inputs, no secrets
    past = Past(case=scenario(seed, longest_chain=2), random=random, failing=failing)
    remaining = past.slices()
    while remaining:
        done = past.run(remaining)
        remaining = [window for window in remaining if window not in done]
    in_order = correlate(past.case.correlations, past.case.base_hits, end=past.case.end)
    return set(past.correlator.recorded), {hit.hit_id for hit in in_order.matches}


@pytest.mark.parametrize("failing", [0.0, 0.1])
def test_a_backfill_finds_what_is_found_in_order(failing: float) -> None:
    compared = 0
    for seed in range(250):
        recorded, in_order = outcome(seed, failing)
        assert recorded == in_order, f"seed {seed}: missed {in_order - recorded}, false {recorded - in_order}"
        compared += len(in_order)
    assert compared > 250


def silent_host(late: LateBaseHits | None, unsearchable: Mapping[str, str]) -> set[str]:
    """Return the ids of the absences that a backfill of three slices records: the host writes in the first alone."""
    absence = Correlation(
        rule_id="absence", type=CorrelationType.ABSENCE, base_rules=("a",), timespan=timedelta(minutes=15)
    )
    beat = BaseHit(rule_id="a", hit_id="event-1", time=milliseconds(NOW))
    end = milliseconds(NOW + timedelta(hours=1))
    case = Scenario(correlations=(absence,), base_hits=(beat,), deliveries=(), end=end)
    past = Past(case=case, random=Random(0), failing=0)  # noqa: S311 - reproducible
    correlations = PastCorrelations(
        correlator=past.correlator, source="windows", recorder=past.recorder, now=past.now, late=late
    )
    correlated = CorrelatedSlices(correlations)
    slices = [
        Window(start=NOW + timedelta(minutes=start), end=NOW + timedelta(minutes=start + 10)) for start in (0, 10, 20)
    ]
    correlated.begin(slices)
    results = [
        SliceResult(window=window, base_hits=past.hits(window, "windows"), unsearchable=unsearchable if number else {})
        for number, window in enumerate(slices)
    ]
    assert not any(result.error for result in correlated.results(results))
    return set(past.correlator.recorded)


def test_a_backfill_waits_for_the_events_of_an_interruption_as_live_searches_do() -> None:
    recorded = {}
    for searched in (timedelta(minutes=30), timedelta(hours=2)):  # the backfill runs after an hour
        late = LateBaseHits(StateDocuments(MemoryDocuments()))
        end = NOW + timedelta(minutes=12)
        late.interrupt(Interruption(source="windows", start=NOW, end=end, searched=NOW + searched), now=NOW)
        recorded[searched] = len(silent_host(late, {}))
    assert list(recorded.values()) == [1, 0]


def test_a_slice_without_an_index_is_no_silence() -> None:
    assert len(silent_host(None, {})) == 1
    assert silent_host(None, {"winlogbeat-1": "its shards are not assigned"}) == set()


def test_a_backfill_reads_the_history_once() -> None:
    past = Past(case=scenario(5), random=Random(5), failing=0.0)  # noqa: S311 - reproducible
    slices, reads = past.slices(), list[Window]()
    source = past.correlator.sources["windows"]

    def read(window: Window, rules: frozenset[str]) -> Iterator[BaseHit]:
        reads.append(window)
        yield from source.read(window, rules)

    past.correlator.sources["windows"] = CorrelatedSource(source.times, read)
    past.run(slices)
    start, end = slices[0].start, slices[-1].end
    assert reads
    assert all(window.end <= start or window.start >= end for window in reads)
    assert milliseconds(start) == min(hit.time for hit in past.case.base_hits)
