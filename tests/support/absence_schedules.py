"""Random schedules of hosts that fall silent, while the cluster, the sidecars and a host's clock fail too.

An event that cannot be sent is kept by its agent, and arrives within the lateness of the source after the outage.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from support.memory_state import MemoryDocuments
from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import Gap
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.correlate import correlate
from watcher.correlate.correlation_plan import BaseRole, CorrelationPlan
from watcher.model import Window
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation, CorrelationType
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.pipeline.searched_windows import CorrelatedSource, SearchedWindow
from watcher.schedule.live_window import due_window
from watcher.settings import Source
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import milliseconds, moment_at

MINUTE = 60_000
START = 1_750_000_200_000  # on the grid of slices
BEGIN = START - 5 * MINUTE  # of the first window
LENGTH = 90  # minutes with failures
TAIL = 45  # minutes without, in which everything is decided
SOURCE = Source(name="s", every=timedelta(minutes=1), delay=timedelta(0), overlap=timedelta(minutes=5))
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Event:
    """A base hit, and when the cluster has it."""

    hit: BaseHit
    arrival: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What happens."""

    absence: Correlation
    events: tuple[Event, ...]
    cluster_outages: tuple[Span, ...]
    sidecar_outages: tuple[Span, ...]


def inside(time: int, spans: Sequence[Span]) -> int | None:
    """Return the end of the span that contains a time, None where there is none."""
    return next((end for start, end in spans if start <= time < end), None)


def spans(random: Random, most: int, longest: int) -> tuple[Span, ...]:
    """Return some random spans of at most so many minutes, after the first search."""
    starts = [START + random.randrange(5 * MINUTE, LENGTH * MINUTE) for _ in range(random.randint(0, most))]
    last = START + LENGTH * MINUTE
    return tuple((start, min(last, start + random.randrange(longest * MINUTE))) for start in starts)


def schedule(random: Random) -> Schedule:
    """Return a random schedule."""
    hosts = ("a", "b", "c")[: random.randint(1, 3)]
    absence = Correlation(
        rule_id="absence",
        type=CorrelationType.ABSENCE,
        base_rules=("beat",),
        timespan=timedelta(minutes=random.choice((3, 7, 15, 20))),
        group_by=("host",),
        groups=(("A",), ("never",)) if random.random() < 0.5 else (),
    )
    cluster = spans(random, 2, random.choice((5, 20, 75)))
    events = tuple(event for host in hosts for event in heartbeats(random, host, cluster))
    return Schedule(
        absence=absence,
        events=tuple(sorted(events, key=lambda event: event.hit.time)),
        cluster_outages=cluster,
        sidecar_outages=spans(random, 2, random.choice((5, 75))),
    )


def heartbeats(random: Random, host: str, cluster: Sequence[Span]) -> Iterator[Event]:
    """Yield the events of a host, which is silent at times, and whose clock may run ahead."""
    silences, fast, ahead = spans(random, 3, 60), spans(random, 1, 60), random.randrange(9 * MINUTE)
    every, time = random.choice((1, 2, 4)) * MINUTE, START - 30 * MINUTE
    while (time := time + random.randint(every // 2, every)) < START + (LENGTH + TAIL) * MINUTE:
        if inside(time, silences) is not None:
            continue
        at = time + (ahead if inside(time, fast) is not None else 0)
        hit = BaseHit(
            rule_id="beat", hit_id=f"{host}{time}", time=at, values={"host": (host,)}, index="i", event_id="e"
        )
        yield Event(hit, arrival(random, time, cluster))


def arrival(random: Random, time: int, cluster: Sequence[Span]) -> int:
    """Return when the cluster has an event of a time."""
    at = time + random.randrange(3 * MINUTE)
    while (end := inside(at, cluster)) is not None:
        at = end + random.randrange(2 * MINUTE)
    return at


@dataclass(slots=True)
class Run:
    """A run of two sidecars through a schedule."""

    random: Random
    schedule: Schedule
    now: int = START
    checkpoint: Checkpoint | None = None
    state: MemoryDocuments = field(default_factory=MemoryDocuments)
    sidecars: list[Correlator] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    next_check: int = START

    def sidecar(self) -> Correlator:
        """Start a sidecar without any memory."""
        role = BaseRole(fields=("host",), alerts=False)
        correlator = Correlator(
            plan=CorrelationPlan(correlations=(self.schedule.absence,), roles={"beat": role}),
            rules={},
            checkpoint=lambda _: self.checkpoint,
            events=self.state,
            now=lambda: moment_at(self.now),
            starts=lambda _: {"absence": moment_at(BEGIN)},
            late=LateBaseHits(StateDocuments(self.state)),
        )
        correlator.sources["s"] = CorrelatedSource(SearchTimes(every=SOURCE.every, overlap=SOURCE.overlap), self.read)
        return correlator

    def read(self, window: Window, _rules: frozenset[str]) -> Iterator[BaseHit]:
        """Yield what arrived of a window."""
        start, end = milliseconds(window.start), milliseconds(window.end)
        events = self.schedule.events
        first, last = (bisect_left(events, time, key=lambda event: event.hit.time) for time in (start, end))
        for event in events[first:last]:
            if event.arrival <= self.now:
                yield event.hit

    def tick(self) -> None:
        """Let the next minute pass."""
        self.now += MINUTE + self.random.randrange(-2_000, 2_000)
        down = (*self.schedule.cluster_outages, *self.schedule.sidecar_outages)
        if inside(self.now, down) is not None:
            self.sidecars = [self.sidecar(), self.sidecar()] if self.random.random() < 0.5 else self.sidecars
            return
        disturbed = self.now < START + LENGTH * MINUTE
        self.search_newest(disturbed=disturbed)
        if self.random.random() < 0.5 or not disturbed:
            self.fill_a_gap()
        if self.now >= self.next_check:
            self.next_check = self.now + 15 * MINUTE
            self.search_late_events()

    def search_newest(self, *, disturbed: bool) -> None:
        """Search the window that is due; recording may fail, and the window may become a gap."""
        due = due_window(SOURCE, self.checkpoint, moment_at(self.now))
        if due is None:
            return
        chance = self.random.random() if disturbed else 1.0
        gaps = [] if due.skipped is None else [Gap(window=due.skipped, reason="skipped", due=due.window.end)]
        if chance < 0.05:
            self.advance(due.window.end, [*gaps, Gap(window=due.window, reason="failed", due=due.window.end)])
            return
        number = self.random.randrange(2)
        if chance < 0.1:
            self.sidecars[number] = self.sidecar()
        completed = self.complete(self.sidecars[number], due.window)
        if 0.1 < chance < 0.15:
            self.sidecars[number].forget()  # nothing is recorded
            return
        self.recorded.update(completed)
        self.advance(due.window.end, gaps)

    def complete(self, sidecar: Correlator, window: Window) -> list[str]:
        """Return the ids of what a search completes."""
        hits = tuple(self.read(window, frozenset()))
        completed = sidecar.completed("s", SearchedWindow(window=window, base_hits=hits))
        self.seen.update(hit.hit_id for hit in hits)
        return [hit.hit_id for hit in completed if hit.time >= BEGIN]

    def advance(self, end: datetime, gaps: Sequence[Gap]) -> None:
        """Move the watermark."""
        before = self.checkpoint or Checkpoint(since=moment_at(BEGIN), watermark=end)
        self.checkpoint = replace(before, watermark=end, gaps=(*before.gaps, *gaps))

    def fill_a_gap(self) -> None:
        """Fill the newest gap, or its newest hour."""
        if self.checkpoint is None or not self.checkpoint.gaps:
            return
        *others, gap = self.checkpoint.gaps
        start = max(gap.window.start, gap.window.end - SOURCE.slice)
        part = Window(start=start, end=gap.window.end)
        self.recorded.update(self.complete(self.random.choice(self.sidecars), part))
        rest = [replace(gap, window=Window(start=gap.window.start, end=start))] if gap.window.start < start else []
        self.checkpoint = replace(self.checkpoint, gaps=(*others, *rest))

    def search_late_events(self) -> None:
        """Search the slices with events that no search saw."""
        if self.checkpoint is None:
            return
        watermark = milliseconds(self.checkpoint.watermark)
        times = [
            event.hit.time
            for event in self.schedule.events
            if event.arrival <= self.now and event.hit.hit_id not in self.seen
        ]
        grid = {time - time % (5 * MINUTE) for time in times}
        for start in sorted(slice_start for slice_start in grid if slice_start + 5 * MINUTE <= watermark):
            window = Window(start=moment_at(start), end=moment_at(start + 5 * MINUTE))
            if start >= BEGIN and not self.checkpoint.has_gap_in(window):
                self.recorded.update(self.complete(self.random.choice(self.sidecars), window))


def outcome(seed: int) -> tuple[set[str], set[str], set[str]]:
    """Return the ids of the absences that were recorded, of those that must be, and of those that may be."""
    random = Random(seed)  # noqa: S311 - reproducible inputs, no secrets
    run = Run(random=random, schedule=schedule(random))
    run.sidecars = [run.sidecar(), run.sidecar()]
    while run.now < START + (LENGTH + TAIL) * MINUTE:
        run.tick()
    hits = [event.hit for event in run.schedule.events]
    truth = correlate([run.schedule.absence], hits, begin=BEGIN, end=run.now).matches
    decided = run.now - 12 * MINUTE
    may = {hit.hit_id for hit in truth if hit.time >= BEGIN}
    return run.recorded, {hit.hit_id for hit in truth if BEGIN <= hit.time < decided}, may
