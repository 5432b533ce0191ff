"""Random schedules of hosts that fall silent, while the cluster, the sidecars and a host's clock fail too.

An event that cannot be sent is kept by its agent, and arrives within a minute after the outage. Others are late by up
to a minute and a half. Thus an outage of half an `overlap`, which nobody notices, makes no event later than `overlap`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from support.memory_state import MemoryDocuments
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.open_absences import OpenAbsences
from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import Gap
from watcher.checkpoints.late_base_hits import LateBaseHits
from watcher.correlate import END, correlate
from watcher.correlate.correlation_plan import BaseRole, CorrelationPlan
from watcher.model import Level, Location, Window
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlation_rules import CorrelationRule, CorrelationSection
from watcher.model.correlations import Correlation, CorrelationType
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.detection_scope import ALL_RULES, PreparedCorrelation
from watcher.pipeline.hit_recorder import HitRecorder
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.pipeline.returned_groups import Completion, ReturnedGroups
from watcher.pipeline.searched_windows import CorrelatedSource, SearchedWindow
from watcher.ports import StoredDocument
from watcher.schedule.live_window import due_window
from watcher.settings import Source
from watcher.settings.effective import RuleSettings
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import milliseconds, moment_at

MINUTE = 60_000
START = 1_750_000_200_000  # on the grid of slices
LENGTH = 60  # minutes with failures
TAIL = 45  # minutes without, in which everything is decided
PREPARED = PreparedCorrelation(
    rule=CorrelationRule(
        id="absence",
        title="Silent Host",
        level=Level.HIGH,
        text="",
        hash="1",
        location=Location(file="absence.yml", line=1),
        section=CorrelationSection(type=CorrelationType.ABSENCE, rules=(), timespan=timedelta(minutes=1)),
    ),
    effective=RuleSettings(
        enabled=True, group_by=("host",), quiet_period=timedelta(hours=1), channels=("pager",), origins={}
    ),
)
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
    every: timedelta  # the interval of the searches
    started: int  # when the first sidecar starts, perhaps while the cluster is down
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
    cluster = spans(random, 2, random.choice((5, 20, 60)))
    started = START
    if random.random() < 0.2:
        cluster = (*cluster, (START - random.randrange(20 * MINUTE), START + random.randrange(1, 20 * MINUTE)))
        started -= random.randrange(MINUTE, 20 * MINUTE)
    events = tuple(event for host in hosts for event in heartbeats(random, host, cluster))
    return Schedule(
        absence=absence,
        events=tuple(sorted(events, key=lambda event: event.hit.time)),
        every=timedelta(minutes=random.choice((1, 2))),
        started=started,
        cluster_outages=cluster,
        sidecar_outages=spans(random, 2, random.choice((5, 60))),
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
    at = time + random.randrange(90_000)
    while (end := inside(at, cluster)) is not None:
        at = end + random.randrange(MINUTE)
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
    begin: int | None = None  # from when on the source is searched

    @property
    def source(self) -> Source:
        """The source, with the interval of the schedule."""
        return replace(SOURCE, every=self.schedule.every)

    def sidecar(self) -> Correlator:
        """Start a sidecar without any memory."""
        role = BaseRole(fields=("host",), alerts=False)
        correlator = Correlator(
            plan=CorrelationPlan(
                correlations=(self.schedule.absence,), alerting=frozenset({"absence"}), roles={"beat": role}
            ),
            rules={"absence": PREPARED},
            checkpoint=lambda _: self.checkpoint,
            events=self.state,
            now=lambda: moment_at(self.now),
            starts=lambda _: {} if self.begin is None else {"absence": moment_at(self.begin)},
            late=LateBaseHits(StateDocuments(self.state)),
            returned=ReturnedGroups(absences=OpenAbsences(documents=self.state)),
        )
        correlator.sources["s"] = CorrelatedSource(
            SearchTimes(every=self.source.every, overlap=SOURCE.overlap), self.read
        )
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
        """Let time pass until the next search."""
        self.now += self.source.every // timedelta(milliseconds=1) + self.random.randrange(-2_000, 2_000)
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
        waited = timedelta(milliseconds=self.now - self.schedule.started)
        due = due_window(self.source, self.checkpoint, moment_at(self.now), waited=waited)
        if due is None:
            return
        self.begin = milliseconds(due.since)
        chance = self.random.random() if disturbed else 1.0
        gaps = [] if due.skipped is None else [Gap(window=due.skipped, reason="skipped", due=due.window.end)]
        if chance < 0.05:
            self.advance(due.window.end, [*gaps, Gap(window=due.window, reason="failed", due=due.window.end)])
            return
        number = self.random.randrange(2)
        if chance < 0.1:
            self.sidecars[number] = self.sidecar()
        # a sidecar may be killed after each step, and another repeats the search
        steps = self.random.randrange(4) if 0.1 < chance < 0.15 else 4
        self.complete(self.sidecars[number], due.window, steps)
        if steps < 4:
            self.sidecars[number] = self.sidecar()
            return
        self.advance(due.window.end, gaps)

    def complete(self, sidecar: Correlator, window: Window, steps: int = 4) -> None:
        """Do some of the steps of a search: evaluate, record, resolve; all of them are four."""
        hits = tuple(self.read(window, frozenset()))
        completion = sidecar.completed("s", SearchedWindow(window=window, base_hits=hits))
        if steps > 1:
            self.record(sidecar, completion)
        if steps > 2:
            sidecar.resolve(completion)
        if steps > 3:
            self.seen.update(hit.hit_id for hit in hits)

    def record(self, sidecar: Correlator, completion: Completion) -> None:
        """Record the hits of a search, and open their alerts."""
        recorder = HitRecorder(
            alert_store=AlertStore(self.state),
            prepared=sidecar.rules,
            origin="live",
            scope=ALL_RULES,
            now=sidecar.now,
        )
        for rule, hits in sidecar.grouped(completion.hits, {"absence": moment_at(self.begin or 0)}):
            recorder.add(rule, hits)
            self.recorded.update(entry.hit.id for entry in hits)
        recorder.flush()

    def advance(self, end: datetime, gaps: Sequence[Gap]) -> None:
        """Move the watermark."""
        before = self.checkpoint or Checkpoint(since=moment_at(self.begin or 0), watermark=end)
        self.checkpoint = replace(before, watermark=end, gaps=(*before.gaps, *gaps))

    def fill_a_gap(self) -> None:
        """Fill the newest gap, or its newest hour."""
        if self.checkpoint is None or not self.checkpoint.gaps:
            return
        *others, gap = self.checkpoint.gaps
        start = max(gap.window.start, gap.window.end - SOURCE.slice)
        part = Window(start=start, end=gap.window.end)
        self.complete(self.random.choice(self.sidecars), part)
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
            if window.start >= self.checkpoint.since and not self.checkpoint.has_gap_in(window):
                self.complete(self.random.choice(self.sidecars), window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run recorded, and what it should have recorded."""

    recorded: frozenset[str]  # ids of absences
    due: frozenset[str]  # that must be recorded
    possible: frozenset[str]  # that may be
    alerts: tuple[StoredDocument, ...]
    events: tuple[Event, ...]
    decided: int  # what the cluster had by then must be decided

    def times_of(self, host: str, after: int, *, arrived: int = END) -> Sequence[int]:
        """Return the times of the events of a host after a time that the cluster had by another."""
        return [
            event.hit.time
            for event in self.events
            if event.hit.values["host"] == (host,) and event.hit.time > after and event.arrival <= arrived
        ]


def outcome(seed: int) -> Outcome:
    """Run a schedule."""
    random = Random(seed)  # noqa: S311 - reproducible inputs, no secrets
    run = Run(random=random, schedule=schedule(random))
    run.sidecars = [run.sidecar(), run.sidecar()]
    while run.now < START + (LENGTH + TAIL) * MINUTE:
        run.tick()
    hits = [event.hit for event in run.schedule.events]
    begin = run.begin or START
    truth = correlate([run.schedule.absence], hits, begin=begin, end=run.now).matches
    decided = run.now - 11 * MINUTE - run.source.every // timedelta(milliseconds=1)
    return Outcome(
        recorded=frozenset(run.recorded),
        due=frozenset(hit.hit_id for hit in truth if begin <= hit.time < decided),
        possible=frozenset(hit.hit_id for hit in truth if hit.time >= begin),
        alerts=tuple(stored for (index, _), stored in run.state.documents.items() if "-alerts-" in index),
        events=run.schedule.events,
        decided=decided,
    )
