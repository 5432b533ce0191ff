"""The past, slice by slice, through the same detection as live: told once, resumable, beside the live watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from watcher.checkpoints.gaps import pieces
from watcher.digests import digest
from watcher.errors import ClusterError, Forbidden, Unreachable
from watcher.model import Rule, Window
from watcher.pipeline import DetectionScope, Detector, Stopped, Stopping, WindowResult
from watcher.ports import Clock
from watcher.state.state_documents import Body, DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp, read_timestamp

log = structlog.get_logger(__name__)

NOTIFY = ("digest", "none", "all")
"""What a backfill tells: one message at its end, nothing, or each alert as live does."""

_ATTEMPTS = 5
_LOOK = 0.5  # seconds, until it is looked whether it is time to end
_FIRST_WAIT = 1.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillJob:
    """One backfill: asked for again in the same words it is the same job, and goes on where it stood."""

    source: str
    start: datetime
    end: datetime | None  # None: the live edge, wherever it lay when the job began
    rules: Mapping[str, str]  # id → hash of the text
    notify: str

    @property
    def id(self) -> str:
        """The job's id."""
        told = [f"{name} {self.rules[name]}" for name in sorted(self.rules)]
        end = format_timestamp(self.end) if self.end is not None else "the live edge"
        return digest(self.source, format_timestamp(self.start), end, self.notify, *told)

    @property
    def name(self) -> DocumentKey:
        """The name of its note."""
        return DocumentKey(kind="backfill", source=self.source, of=self.id)


def begun(asked: BackfillJob, notes: StateDocuments) -> Window | None:
    """Give the span of a job that was begun and is not done, None where there is none to go on with."""
    progress = _progress(notes.read(asked.name) or {})
    return None if progress.is_over else progress.window


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceResult:
    """What one slice came to."""

    window: Window
    events: int = 0
    by_rule: Mapping[str, int] = field(default_factory=dict)  # hits, recorded before or not
    hits: int = 0  # recorded for the first time
    alerts: int = 0  # opened
    error: str = ""  # why it was not searched whole
    away: bool = False  # the cluster answered nothing at all


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillProgress:
    """How far a job has come."""

    window: Window | None = None  # the span as it was when the job began
    done: tuple[Window, ...] = ()  # in order; those that touch are one
    events: int = 0
    hits: int = 0
    alerts: int = 0
    by_rule: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # id → day → hits
    failed: Mapping[Window, str] = field(default_factory=dict)  # slices that stayed undone in this run, and why
    finished: bool = False
    resumed: bool = False  # an earlier run was cut off, and may have opened alerts that it did not count
    untold: tuple[str, ...] = ()  # channels that have not taken the digest

    def plus(self, one: SliceResult) -> BackfillProgress:
        """Add a slice."""
        day = f"{one.window.start:%Y-%m-%d}"
        by_rule = {name: dict(days) for name, days in self.by_rule.items()}
        for name, hits in one.by_rule.items():
            days = by_rule.setdefault(name, {})
            days[day] = days.get(day, 0) + hits
        return replace(
            self,
            done=_joined((*self.done, one.window)),
            events=self.events + one.events,
            hits=self.hits + one.hits,
            alerts=self.alerts + one.alerts,
            by_rule=by_rule,
        )

    @property
    def is_over(self) -> bool:
        """Tell whether all is searched, and everybody told."""
        return self.finished and not self.untold

    def has(self, window: Window) -> bool:
        """Tell whether a slice is done."""
        return any(one.start <= window.start and window.end <= one.end for one in self.done)


def _joined(windows: Sequence[Window]) -> tuple[Window, ...]:
    made: list[Window] = []
    for window in sorted(windows):
        if made and window.start <= made[-1].end:
            made[-1] = Window(start=made[-1].start, end=max(made[-1].end, window.end))
        else:
            made.append(window)
    return tuple(made)


HOUR = timedelta(hours=1)
"""The step in which the past is counted before it is cut."""

_FEW = 5_000  # events of a day that is searched in one


def slices(window: Window, longest: timedelta, counts: Mapping[datetime, int]) -> Iterator[Window]:
    """Cut a window into slices, oldest first, none of them over midnight in UTC; those without events are left out.

    `counts` are the events by hour. A day with few events is one slice.
    """
    start = window.start
    while start < window.end:
        midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        day = Window(start=start, end=min(midnight, window.end))
        held = sum(counts.get(hour, 0) for hour in _hours(day))
        if held:
            cut = (day,) if held <= _FEW else pieces(day, longest)
            yield from (one for one in cut if any(counts.get(hour) for hour in _hours(one)))
        start = day.end


def _hours(window: Window) -> Iterator[datetime]:
    at = window.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while at < window.end:
        yield at
        at += HOUR


# --------------------------------------------------------------------------- one slice


@dataclass(frozen=True, slots=True)
class SliceSearcher:
    """Searches one slice, and again where the cluster asks for patience."""

    detector: Detector
    clock: Clock
    stopping: Stopping

    def __call__(self, window: Window) -> SliceResult:
        """Search a slice; what does not succeed after some attempts is said, and stays undone."""
        error, away = "", False
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._wait(_FIRST_WAIT * 2**attempt)
            if self.stopping():
                break
            try:
                detected = self.detector.detect(window, DetectionScope(stopping=self.stopping))
            except Stopped:
                break
            except Forbidden as fault:
                return SliceResult(window=window, error=str(fault))
            except ClusterError as fault:
                error, away = str(fault), isinstance(fault, Unreachable)
                log.warning("slice.failed", window=str(window), error=error, attempt=attempt + 1)
                continue
            if not detected.failed:
                return _searched(detected)
            error = str(detected.failed[0].error)
        return SliceResult(window=window, error=error or "it was time to end", away=away)

    def _wait(self, seconds: float) -> None:
        while seconds > 0 and not self.stopping():
            self.clock.sleep(min(seconds, 0.5))
            seconds -= 0.5


def _searched(detected: WindowResult) -> SliceResult:
    return SliceResult(
        window=detected.window,
        events=sum(detected.counts.values()),
        by_rule=detected.by_rule,
        hits=detected.hits,
        alerts=detected.alerts,
    )


# --------------------------------------------------------------------------- the job


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Runs a job; every slice that is done is noted, so that a killed one goes on where it stood."""

    job: BackfillJob
    window: Window
    notes: StateDocuments
    submit: Callable[[Window], Future[SliceResult]]
    slices: tuple[Window, ...]
    now: Callable[[], datetime]
    abreast: int = 2  # slices that are searched at once
    channels: tuple[str, ...] = ()  # that are told in one message at the end
    stopping: Stopping = lambda: False
    end: Callable[[], None] = lambda: None  # ends the slices that are under way

    def run(self, say: Callable[[BackfillProgress, float], None]) -> BackfillProgress:
        """Search what is not done; `say` is told the progress and which fraction of the span is done.

        A job that is finished is begun anew. Raises a ClusterError where the state does not answer.
        """
        progress = self._begin()
        waiting = [one for one in self.slices if not progress.has(one)]
        say(progress, self._fraction(progress))
        left = len(waiting)
        under_way: set[Future[SliceResult]] = set()
        failed: dict[Window, str] = {}
        while (waiting or under_way) and not (self.stopping() and not under_way):
            while waiting and len(under_way) < self.abreast and not self.stopping():
                under_way.add(self.submit(waiting.pop(0)))
            done, under_way = wait(under_way, timeout=_LOOK, return_when=FIRST_COMPLETED)
            if self.stopping():
                self.end()
            for future in done:
                searched = future.result()
                if searched.error:
                    failed[searched.window] = searched.error
                    waiting = [] if searched.away else waiting  # each further slice would wait for nothing
                else:
                    progress = self._note(_adding(searched))
                    left -= 1
                say(progress, self._fraction(progress))
        if not left:
            progress = self._note(self._finished)
        return replace(progress, failed=failed)

    def _begin(self) -> BackfillProgress:
        def begin(known: BackfillProgress) -> BackfillProgress:
            goes_on = known.window == self.window and not known.is_over
            return replace(known, resumed=True) if goes_on else BackfillProgress(window=self.window)

        return self._note(begin)

    def _finished(self, known: BackfillProgress) -> BackfillProgress:
        if known.finished:
            return known
        any_opened = known.alerts > 0 or (known.resumed and bool(known.by_rule))
        return replace(known, finished=True, untold=self.channels if any_opened else ())

    def told(self, channel: str) -> None:
        """Note that a channel took the digest, or will never take it."""
        self._note(lambda known: replace(known, untold=tuple(one for one in known.untold if one != channel)))

    def _note(self, change: Callable[[BackfillProgress], BackfillProgress]) -> BackfillProgress:
        def made(body: Body | None) -> Body:
            return _as_body(change(_progress(body or {})))

        return _progress(self.notes.change(self.job.name, made, now=self.now()) or {})

    def _fraction(self, progress: BackfillProgress) -> float:
        return sum(map(progress.has, self.slices)) / max(1, len(self.slices))


def _adding(searched: SliceResult) -> Callable[[BackfillProgress], BackfillProgress]:
    return lambda known: known if known.has(searched.window) else known.plus(searched)


def _progress(body: Body) -> BackfillProgress:
    span = body.get("window")
    return BackfillProgress(
        window=Window(start=read_timestamp(span[0]), end=read_timestamp(span[1])) if span else None,
        done=tuple(
            Window(start=read_timestamp(start), end=read_timestamp(end)) for start, end in body.get("done") or ()
        ),
        events=int(body.get("events") or 0),
        hits=int(body.get("hits") or 0),
        alerts=int(body.get("alerts") or 0),
        by_rule=body.get("by_rule") or {},
        finished=bool(body.get("finished")),
        resumed=bool(body.get("resumed")),
        untold=tuple(body.get("untold") or ()),
    )


def _as_body(progress: BackfillProgress) -> dict[str, Any]:
    window = progress.window
    return {
        "window": [format_timestamp(window.start), format_timestamp(window.end)] if window else None,
        "done": [[format_timestamp(one.start), format_timestamp(one.end)] for one in progress.done],
        "events": progress.events,
        "hits": progress.hits,
        "alerts": progress.alerts,
        "by_rule": progress.by_rule,
        "finished": progress.finished,
        "resumed": progress.resumed,
        "untold": list(progress.untold),
    }


def digest_text(rules: Mapping[str, Rule], progress: BackfillProgress, window: Window) -> str:
    """Write what a backfill found, the rules with most hits first."""
    totals = Counter({name: sum(days.values()) for name, days in progress.by_rule.items()})
    counts = f"{progress.events:,} events, {sum(totals.values()):,} hits of {len(totals):,} rules"
    lines = [
        (
            f"From {format_timestamp(window.start)} to {format_timestamp(window.end)}: {counts}, "
            f"{progress.alerts:,} alerts opened"
        ),
        "",
    ]
    for name, hits in totals.most_common(100):
        rule = rules.get(name)
        days = len(progress.by_rule[name])
        title = f"[{rule.level}] {rule.title}" if rule is not None else name
        lines.append(f"{hits:>9,} hits on {days:>3} days   {title}")
    if len(totals) > 100:
        lines.append(f"… and {len(totals) - 100:,} more rules")
    return "\n".join(lines)
