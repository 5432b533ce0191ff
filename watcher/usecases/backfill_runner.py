"""The run of a backfill job: slices, several at a time, with the progress stored after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from watcher.checkpoints.gaps import split_window
from watcher.model import Window
from watcher.pipeline import Stopping
from watcher.state.state_documents import Body, StateDocuments
from watcher.usecases.backfill_correlations import CorrelatedSlices
from watcher.usecases.backfill_job import (
    INTERRUPTED,
    BackfillJob,
    BackfillProgress,
    SliceResult,
    progress_from_body,
    progress_to_body,
)

HOUR = timedelta(hours=1)
"""The step in which events are counted before a span is cut into slices."""

_DAY = timedelta(days=1)
_FEW = 5_000  # events of a day that is searched as one slice
_POLL = 0.5  # seconds between two looks at `stopping`
_DEAD_WORKER = "a worker process ended unexpectedly, perhaps for lack of memory; run it again with `--workers 1`"


def slices(window: Window, longest: timedelta, counts: Mapping[datetime, int]) -> Iterator[Window]:
    """Yield the slices of a window, oldest first; none crosses midnight in UTC, and none is without events.

    `counts` are the events by hour. A day with few events is one slice.
    """
    start = window.start
    while start < window.end:
        midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        day = Window(start=start, end=min(midnight, window.end))
        events = sum(counts.get(hour, 0) for hour in _hours(day))
        if events:
            parts = (day,) if events <= _FEW else split_window(day, longest)
            yield from (part for part in parts if any(counts.get(hour) for hour in _hours(part)))
        start = day.end


def _hours(window: Window) -> Iterator[datetime]:
    hour = window.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < window.end:
        yield hour
        hour += HOUR


def _ignore() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRunner:
    """Runs a job; each searched slice is stored, so that an interrupted job is resumed."""

    job: BackfillJob
    window: Window
    documents: StateDocuments
    submit: Callable[[Window], Future[SliceResult]]
    slices: tuple[Window, ...]
    now: Callable[[], datetime]
    parallel: int = 2  # slices that are searched at once
    channels: tuple[str, ...] = ()  # that get one message at the end
    stopping: Stopping = lambda: False
    correlated: CorrelatedSlices | None = None  # None: the rules are in no correlation
    cancel: Callable[[], None] = _ignore  # ends the slices in progress; called until they have ended

    def run(self, report: Callable[[BackfillProgress, float], None]) -> BackfillProgress:
        """Search what is not done; `report` gets the progress and the fraction of the slices that are done.

        A finished job begins anew. Raises a ClusterError where the state does not answer.
        """
        progress = self._begin()
        waiting = [part for part in self.slices if not progress.includes(part)]
        report(progress, self._fraction(progress))
        remaining = len(waiting)
        if self.correlated is not None:
            self.correlated.begin(waiting)
        running: dict[Future[SliceResult], Window] = {}
        failed: dict[Window, str] = {}
        while (waiting or running) and not (self.stopping() and not running):
            while waiting and len(running) < self.parallel and not self.stopping():
                window = waiting.pop(0)
                running[self._submitted(window)] = window
            completed = wait(running, timeout=_POLL, return_when=FIRST_COMPLETED).done
            if self.stopping():
                self.cancel()
            results = [self._result(future, running.pop(future)) for future in completed]
            for result in results if self.correlated is None else self.correlated.results(results):
                if result.error:
                    failed[result.window] = result.error
                    waiting = [] if result.unreachable else waiting  # further slices would only wait for nothing
                else:
                    progress = self._store(_adding(result))
                    remaining -= 1
                report(progress, self._fraction(progress))
        if not remaining:
            progress = self._store(self._finished)
        return replace(progress, failed=failed)

    def _submitted(self, window: Window) -> Future[SliceResult]:
        try:
            return self.submit(window)
        except BrokenExecutor as fault:  # a process died since the last results came
            failed: Future[SliceResult] = Future()
            failed.set_exception(fault)
            return failed

    def _result(self, future: Future[SliceResult], window: Window) -> SliceResult:
        try:
            return future.result()
        except BrokenExecutor:
            error = INTERRUPTED if self.stopping() else _DEAD_WORKER
            return SliceResult(window=window, error=error, unreachable=True)

    def _begin(self) -> BackfillProgress:
        def begin(previous: BackfillProgress) -> BackfillProgress:
            is_resumed = previous.window == self.window and not previous.is_over
            return replace(previous, resumed=True) if is_resumed else BackfillProgress(window=self.window)

        return self._store(begin)

    def _finished(self, previous: BackfillProgress) -> BackfillProgress:
        if previous.finished:
            return previous
        opened_alerts = previous.alerts > 0 or (previous.resumed and bool(previous.by_rule))
        return replace(previous, finished=True, pending_channels=self.channels if opened_alerts else ())

    def mark_sent(self, channel: str) -> None:
        """Record that a channel accepted the digest, or will never accept it."""

        def without_channel(previous: BackfillProgress) -> BackfillProgress:
            pending = tuple(name for name in previous.pending_channels if name != channel)
            return replace(previous, pending_channels=pending)

        self._store(without_channel)

    def _store(self, change: Callable[[BackfillProgress], BackfillProgress]) -> BackfillProgress:
        def changed(body: Body | None) -> Body:
            return progress_to_body(change(progress_from_body(body or {})))

        return progress_from_body(self.documents.change(self.job.key, changed, now=self.now()) or {})

    def _fraction(self, progress: BackfillProgress) -> float:
        return sum(map(progress.includes, self.slices)) / max(1, len(self.slices))


def _adding(result: SliceResult) -> Callable[[BackfillProgress], BackfillProgress]:
    """Return the change that adds a slice once."""
    return lambda previous: previous if previous.includes(result.window) else previous.with_slice(result)
