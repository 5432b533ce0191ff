"""Late events of long timespans: evaluated in memory, as in order, without reading weeks of history again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest
from correlate.correlation_fixture import correlation, hit
from pipeline.test_correlator import OVERLAP, plan_of
from support.fakes import NOW
from support.memory_state import MemoryDocuments

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.correlate import correlate
from watcher.model import Window
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.pipeline.searched_windows import CorrelatedSource, SearchedWindow
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import milliseconds, moment_at

STEP = timedelta(minutes=10)
DAY = 144  # steps
START = milliseconds(NOW)
WEEK = correlation("event_count", {"gte": "3"}, group_by=("user",), timespan=timedelta(days=7), rule_id="week")
ORDERED = correlation("temporal_ordered", base_rules=("a", "b"), timespan=timedelta(days=1), rule_id="ordered")
SHORT = correlation("event_count", {"gte": "2"}, timespan=timedelta(minutes=20), rule_id="short")


@dataclass(slots=True)
class Cluster:
    """Base hits by the step in which they arrive, and a sidecar that searches each step."""

    correlations: Sequence[Correlation]
    arrivals: Sequence[tuple[int, BaseHit]]
    step: int = 0
    checkpoint: Checkpoint | None = None
    read: list[Window] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    correlator: Correlator = field(init=False)

    def __post_init__(self) -> None:
        self.correlator = Correlator(
            plan=plan_of(self.correlations),
            rules={},
            checkpoint=lambda _: self.checkpoint,
            events=MemoryDocuments(),
            now=lambda: NOW + self.step * STEP,
            late=LateBaseHits(StateDocuments(MemoryDocuments())),
        )
        self.correlator.sources["day"] = CorrelatedSource(SearchTimes(every=STEP, overlap=OVERLAP), self.reading)

    def reading(self, window: Window, rules: frozenset[str]) -> Iterator[BaseHit]:
        """Yield what is there of a window, and note that it was read."""
        self.read.append(window)
        yield from (entry for entry in self.arrived(window) if entry.rule_id in rules)

    def arrived(self, window: Window, since: int = 0) -> Sequence[BaseHit]:
        start, end = milliseconds(window.start), milliseconds(window.end)
        return [entry for step, entry in self.arrivals if since <= step <= self.step and start <= entry.time < end]

    def search(self) -> None:
        """Search the newest step, and the steps in which events arrived late."""
        self.step += 1
        newest = Window(start=NOW + (self.step - 1) * STEP - OVERLAP, end=NOW + self.step * STEP)
        windows = [newest]
        for step, late in self.arrivals:
            if step == self.step and moment_at(late.time) < newest.start:
                start = NOW + (late.time - START) // milliseconds_of(STEP) * STEP
                windows.append(Window(start=start, end=start + STEP))
        for window in windows:
            base_hits = self.arrived(window, 0 if window is newest else self.step)
            completed = self.correlator.completed("day", SearchedWindow(window=window, base_hits=base_hits))
            self.recorded |= {match.hit_id for match in completed.hits}
            if window is newest:
                self.checkpoint = Checkpoint(since=NOW, watermark=newest.end)

    def in_order(self) -> set[str]:
        end = START + (self.step - 2) * milliseconds_of(STEP)
        result = correlate(self.correlations, [entry for _, entry in self.arrivals], end=end)
        return {match.hit_id for match in result.matches}


def milliseconds_of(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def events(random: Random, steps: int, *, late: float) -> list[tuple[int, BaseHit]]:
    """Return base hits of some steps, a part of which arrives up to three hours late."""
    arrivals = []
    for number in range(steps // 2):
        step = random.randrange(1, steps - 40)
        time = START + int((step - random.random()) * milliseconds_of(STEP))
        entry = hit(time, random.choice("ab"), id=str(number), user=random.choice(("ann", "bob", "eve")))
        arrivals.append((step + (random.randint(2, 18) if random.random() < late else 0), entry))
    return arrivals


def test_a_late_event_within_an_eighth_of_the_timespan_reads_no_history() -> None:
    late = (2 * DAY, hit(START + 2 * DAY * milliseconds_of(STEP) - 10 * 3_600_000, id="late", user="ann"))
    other = [(number * 20, hit(START + number * 20 * milliseconds_of(STEP) - 1, user="ann")) for number in (1, 14)]
    cluster = Cluster([WEEK], [*other, late])
    cluster.search()
    cluster.read.clear()
    while cluster.step < 2 * DAY + 10:
        cluster.search()
    assert cluster.read == []
    assert len(cluster.recorded) == 1  # at the event after the late one
    assert cluster.recorded == cluster.in_order()


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 15))])
def test_late_events_find_what_is_found_in_order(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - reproducible inputs, no secrets
    rules = [WEEK, *random.sample((ORDERED, SHORT), random.randint(0, 2))]
    if seed % 3 == 0:
        rules.append(
            correlation("event_count", {"gte": "2"}, base_rules=("week", "b"), rule_id="outer", timespan=2 * STEP)
        )
    cluster = Cluster(rules, events(random, 2 * DAY, late=0.3))
    while cluster.step < 2 * DAY:
        cluster.search()
    assert cluster.recorded == cluster.in_order()
    assert cluster.recorded
