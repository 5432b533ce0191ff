"""Correlations in live searches: with restarts, failures, gaps, late events and a second sidecar as in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

import pytest
from support.fakes import NOW
from support.memory_state import MemoryDocuments
from support.random_correlations import EVENT_RULES, random_base_hits, random_correlation

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import Gap
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.correlate import CorrelationStates, correlate
from watcher.correlate.correlation_plan import BaseRole, CorrelationPlan
from watcher.model import Window
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.pipeline.searched_windows import CorrelatedSource, SearchedWindow
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import moment_at

STEP = timedelta(minutes=1)
OVERLAP = timedelta(minutes=5)
SPAN = timedelta(minutes=5)


@dataclass(slots=True)
class Arrival:
    """A base hit and the tick from which on searches see it."""

    hit: BaseHit
    tick: int


def plan_of(correlations: Sequence[Correlation]) -> CorrelationPlan:
    """Return the plan of some correlations."""
    fields = CorrelationStates(correlations).fields()
    roles = {rule_id: BaseRole(fields=tuple(names), alerts=False) for rule_id, names in fields.items()}
    return CorrelationPlan(correlations=tuple(correlations), roles=roles)


@dataclass(slots=True)
class World:
    """A cluster with events that arrive, and sidecars that share its state."""

    random: Random
    plan: CorrelationPlan
    arrivals: Sequence[Arrival]
    start: int
    tick: int = 0
    checkpoint: Checkpoint | None = None
    state: MemoryDocuments = field(default_factory=MemoryDocuments)
    sidecars: list[Correlator] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    seen: int = 0  # what arrived up to this tick was searched, or is in a gap

    def __post_init__(self) -> None:
        self.sidecars = [self.sidecar(), self.sidecar()]

    def now(self) -> int:
        """Return the time of the tick in milliseconds."""
        return self.start + self.tick * 60_000

    def sidecar(self) -> Correlator:
        """Start a sidecar without any memory."""
        correlator = Correlator(
            plan=self.plan,
            rules={},
            checkpoint=lambda _: self.checkpoint,
            events=self.state,
            now=lambda: moment_at(self.now()),
            late=LateBaseHits(StateDocuments(self.state)),
        )
        correlator.sources["winlogbeat"] = CorrelatedSource(SearchTimes(every=STEP, overlap=OVERLAP), self.read)
        return correlator

    def read(self, window: Window, rules: frozenset[str]) -> Iterator[BaseHit]:
        """Yield what arrived of a window."""
        for arrival in self.arrivals:
            hit = arrival.hit
            inside = window.start <= moment_at(hit.time) < window.end
            if inside and arrival.tick <= self.tick and hit.rule_id in rules:
                yield hit

    def search_newest(self) -> None:
        """Let one of the sidecars do a tick, which may fail at several places."""
        end = moment_at(self.now())
        watermark = self.checkpoint.watermark if self.checkpoint else end - STEP
        window = Window(start=min(watermark - OVERLAP, end - STEP), end=end)
        sidecar = self.random.randrange(len(self.sidecars))
        chance = self.random.random()
        if chance < 0.1:
            self.sidecars[sidecar] = self.sidecar()
        elif chance < 0.15:
            return  # nothing answers: the next tick begins at the same watermark
        elif chance < 0.25:
            self.advance(end, Gap(window=window, reason="nothing answered", due=NOW))
            return
        completed = self.sidecars[sidecar].completed("winlogbeat", self.searched(window))
        if chance < 0.35:
            self.sidecars[sidecar].forget()  # recording failed
            return
        self.recorded.update(hit.hit_id for hit in completed.hits)
        self.advance(end)

    def searched(self, window: Window) -> SearchedWindow:
        """Return what the search of a window finds."""
        return SearchedWindow(window=window, base_hits=tuple(self.read(window, frozenset(self.plan.roles))))

    def advance(self, end: object, *gaps: Gap) -> None:
        """Move the watermark."""
        before = self.checkpoint or Checkpoint(since=end, watermark=end)  # type: ignore[arg-type]
        self.checkpoint = replace(before, watermark=end, gaps=(*before.gaps, *gaps))  # type: ignore[arg-type]

    def search_past(self) -> None:
        """Fill one gap, and search what came too late for the newest window."""
        if self.checkpoint is None:
            return
        sidecar = self.random.choice(self.sidecars)
        for gap in self.checkpoint.gaps[:1]:
            completed = sidecar.completed("winlogbeat", self.searched(gap.window))
            self.recorded.update(hit.hit_id for hit in completed.hits)
            self.checkpoint = replace(self.checkpoint, gaps=self.checkpoint.gaps[1:])
        for arrival in self.arrivals:
            late = moment_at(arrival.hit.time) < self.checkpoint.watermark - OVERLAP - 2 * STEP
            if self.seen < arrival.tick <= self.tick and late:
                start = moment_at(arrival.hit.time - arrival.hit.time % 300_000)
                window = Window(start=start, end=start + timedelta(minutes=5))
                if window.end <= self.checkpoint.watermark:
                    completed = sidecar.completed("winlogbeat", self.searched(window))
                    self.recorded.update(hit.hit_id for hit in completed.hits)
        self.seen = self.tick


def outcome(seed: int) -> tuple[set[str], set[str]]:
    """Return the ids of the hits that live searches record, and of those in order."""
    random = Random(seed)  # noqa: S311 - reproducible inputs, no secrets
    correlations = [random_correlation(random, "inner", EVENT_RULES, SPAN)]
    if random.random() < 0.3:
        base_rules = ("inner", *random.sample(EVENT_RULES, 2))
        correlations.append(random_correlation(random, "outer", base_rules, SPAN * random.randint(1, 2)))
    hits = random_base_hits(random, EVENT_RULES, 60_000, random.randint(4, 30))
    world = searched_live(random, correlations, hits)
    in_order = correlate(correlations, hits, end=world.now() - 20 * 60_000)
    return world.recorded, {hit.hit_id for hit in in_order.matches}


def searched_live(random: Random, correlations: Sequence[Correlation], hits: Sequence[BaseHit]) -> World:
    """Search base hits as they arrive, with failures at random steps, until everything is decided."""
    waits = CorrelationStates(correlations).waits
    first = min(hit.time for hit in hits)
    arrivals = [Arrival(hit, (hit.time - first) // 60_000 + 1 + delay(random, waits=waits)) for hit in hits]
    start = first - first % 60_000
    world = World(random=random, plan=plan_of(correlations), arrivals=arrivals, start=start)
    last = max(arrival.tick for arrival in arrivals)  # none arrives before its time
    for tick in range(1, last + 60):
        world.tick = tick
        world.search_newest()
        if random.random() < 0.5:
            world.search_past()
    while world.checkpoint is not None and (world.checkpoint.gaps or world.seen < world.tick):
        world.search_past()
    for _ in range(40):
        world.tick += 1
        world.sidecars[0].forget() if random.random() < 0.1 else None
        window = Window(start=world.checkpoint.watermark - OVERLAP, end=moment_at(world.now()))
        completed = world.sidecars[0].completed("winlogbeat", world.searched(window))
        world.recorded.update(hit.hit_id for hit in completed.hits)
        world.advance(window.end)
    return world


def delay(random: Random, *, waits: bool) -> int:
    """Return after how many ticks an event arrives; matches that wait for absent events know no later ones."""
    return random.randint(0, 3) if waits or random.random() < 0.9 else random.randint(8, 30)


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_live_searches_find_what_is_found_in_order(start: int) -> None:
    compared = 0
    for seed in range(start, start + 100):
        recorded, in_order = outcome(seed)
        assert recorded == in_order, f"seed {seed}: missed {in_order - recorded}, false {recorded - in_order}"
        compared += len(in_order)
    assert compared
