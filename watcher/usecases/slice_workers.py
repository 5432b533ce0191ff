"""Slices of the past, searched in processes of their own with connections of their own."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event as StopEvent
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from watcher.backoff import Backoff
from watcher.clock import SystemClock
from watcher.components import Components, connect_clusters
from watcher.correlate.correlation_plan import SearchedRules
from watcher.errors import ClusterError, Forbidden, Unreachable
from watcher.heap import freeze_heap
from watcher.known_secrets import filter_unexpected_errors, known_forms, remember_forms
from watcher.model import Window
from watcher.pipeline import BackfillSilence, DetectionScope, Detector, Stopped, Stopping, WindowResult
from watcher.ports import Clock
from watcher.settings import Settings, Source
from watcher.usecases.backfill_job import INTERRUPTED, SliceResult
from watcher.usecases.worker_processes import obey_parent

log = structlog.get_logger(__name__)

_ATTEMPTS = 5
_GRACE = 5.0  # seconds in which a slice may end by itself; planning thousands of rules and a hung request take longer
_BACKOFF = Backoff(first=timedelta(seconds=2), longest=timedelta(seconds=16))  # of attempts on one slice


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceWorkerSettings:
    """What a worker process needs to search slices."""

    settings: Settings
    source: Source
    searched: SearchedRules
    silent: bool  # its alerts have no deliveries, but for what live detection missed
    live_since: Mapping[str, datetime] = field(default_factory=dict)  # rule id → since when it is searched live


@contextmanager
def slice_workers(worker: SliceWorkerSettings, count: int) -> Iterator[SliceWorkers]:
    """Start worker processes as slices are submitted, and end them with the context."""
    context = get_context("spawn")
    stop = context.Event()
    # a large argument would block this process until the worker has imported its modules, or for ever where it dies
    with TemporaryDirectory(prefix="watcher-backfill-") as folder:
        file = Path(folder) / "worker"
        file.write_bytes(pickle.dumps(worker))
        others = frozenset(active_children())
        with ProcessPoolExecutor(
            count, mp_context=context, initializer=_start_worker, initargs=(file, stop, known_forms())
        ) as pool:
            yield SliceWorkers(pool, stop, others)


@dataclass(slots=True)
class SliceWorkers:
    """The processes that search slices."""

    pool: ProcessPoolExecutor
    stop: StopEvent
    others: frozenset[BaseProcess]  # children of this process that are no workers
    clock: Clock = field(default_factory=SystemClock)
    _stopped: float | None = None

    def submit(self, window: Window) -> Future[SliceResult]:
        """Search a slice in one of the processes."""
        return self.pool.submit(_search_slice, window)

    def cancel(self) -> None:
        """Ask the processes to end their slices; called again later, end those that did not in time.

        Nothing is lost: what a slice has recorded is not recorded again, and the slice is searched by the next run.
        """
        self.stop.set()
        now = self.clock.monotonic()
        if self._stopped is None:
            self._stopped = now
        elif now - self._stopped >= _GRACE:
            for process in frozenset(active_children()) - self.others:
                process.kill()


_SEARCHERS: list[SliceSearcher] = []  # of this process, where it is a worker


def _start_worker(file: Path, stop: StopEvent, secrets: Collection[str]) -> None:
    remember_forms(secrets)
    filter_unexpected_errors()
    obey_parent()  # which sets `stop`
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    worker: SliceWorkerSettings = pickle.loads(file.read_bytes())  # noqa: S301 - the parent wrote it, for its user alone
    components = Components(settings=worker.settings, connections=connect_clusters(worker.settings))
    detector = _detector(worker, components)
    if worker.silent:
        detector.silence = BackfillSilence(live_since=worker.live_since)
    detector.origin = "backfill"
    freeze_heap()
    _SEARCHERS.append(SliceSearcher(detector, components.clock, stopping=stop.is_set))


def _detector(worker: SliceWorkerSettings, components: Components) -> Detector:
    """Return the detector of the source; its base hits are returned to the parent, which evaluates correlations."""
    correlator = components.correlator(worker.searched.plan)
    detector = components.detector(worker.source, worker.searched.rules, correlator)
    detector.correlator = None
    return detector


def _search_slice(window: Window) -> SliceResult:
    return _SEARCHERS[0](window)


@dataclass(frozen=True, slots=True)
class SliceSearcher:
    """Searches a slice, with further attempts where the cluster is overloaded."""

    detector: Detector
    clock: Clock
    stopping: Stopping

    def __call__(self, window: Window) -> SliceResult:
        """Search a slice; after the last attempt the result carries the error."""
        error, unreachable = "", False
        for attempt in range(_ATTEMPTS):
            self.clock.wait(_BACKOFF.delay(attempt).total_seconds(), self.stopping)
            if self.stopping():
                break
            try:
                searched = self.detector.detect(window, DetectionScope(stopping=self.stopping))
            except Stopped:
                break
            except Forbidden as fault:
                return SliceResult(window=window, error=str(fault))
            except ClusterError as fault:
                error, unreachable = str(fault), isinstance(fault, Unreachable)
                log.warning("slice.failed", window=str(window), error=error, attempt=attempt + 1)
                continue
            if not searched.failed:
                return _result(searched)
            error = str(searched.failed[0].error)
        return SliceResult(window=window, error=error or INTERRUPTED, unreachable=unreachable)


def _result(searched: WindowResult) -> SliceResult:
    return SliceResult(
        window=searched.window,
        events=sum(searched.counts.values()),
        by_rule=searched.by_rule,
        hits=searched.hits,
        alerts=searched.alerts,
        base_hits=searched.base_hits,
        unsearchable={entry.index: entry.reason for entry in searched.unsearchable},
    )
