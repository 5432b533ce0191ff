"""When which window is searched: arithmetic on the ledger's coverage, and APScheduler as the alarm clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from watcher.clock import SystemClock
from watcher.errors import ClusterError
from watcher.model import Window
from watcher.pipeline import Delivered, Delivery, Detected, Detector, Stopped
from watcher.ports import Clock
from watcher.settings import Source

log = structlog.get_logger(__name__)

_DELIVER_EVERY = timedelta(seconds=5)


def windows(source: Source, *, covered: datetime | None, now: datetime) -> Iterator[Window]:
    """Give the windows that are due, oldest first, none longer than the source's slice.

    `covered` is up to when the source was searched; a first start begins at `start`, or an overlap ago. The first
    window goes back by the overlap, for events that came late.
    """
    end = now - source.delay
    if covered is None:
        start = min(source.start, end) if source.start is not None else end - source.overlap
    else:
        start = min(covered, end) - source.overlap
    longest = max(source.slice, source.overlap + timedelta(milliseconds=1))
    while start < end:
        edge = min(start + longest, end)
        yield Window(start=start, end=edge)
        start = edge


@dataclass(slots=True)
class Ticker:
    """Searches what is due of one source."""

    detector: Detector

    def tick(self) -> tuple[Detected, ...]:
        """Search every window that is due; coverage advances with each that was searched whole.

        Raises a ClusterError where the cluster does not answer, Stopped where it is asked to end: nothing is lost, the
        next tick begins there.
        """
        source, ledger = self.detector.source, self.detector.ledger
        now = self.detector.events.now()
        done: list[Detected] = []
        for window in windows(source, covered=ledger.covered_until(source.name), now=now):
            if self.detector.stopping():
                raise Stopped
            detected = self.detector.detect(window)
            done.append(detected)
            _say_searched(source, detected)
            if not detected.whole:
                break
            ledger.advance(source.name, window.end, now=now)
        if done and not done[-1].indices:
            log.warning("index.missing", source=source.name, index=source.index, advice="nothing can be found yet")
        return tuple(done)


def _say_searched(source: Source, detected: Detected) -> None:
    log.info(
        "window.searched",
        source=source.name,
        start=detected.window.start.isoformat(),
        end=detected.window.end.isoformat(),
        hits=detected.hits,
        alerts=len(detected.alerts),
        failed=len(detected.failed) + len(detected.refused),
    )


@dataclass(slots=True)
class Sidecar:
    """Ticks and delivers until it is asked to stop."""

    tickers: tuple[Ticker, ...]
    delivery: Delivery
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)

    def once(self) -> tuple[tuple[Detected, ...], Delivered]:
        """Do one tick of every source and one round of delivery; the first fault is raised when all had their turn."""
        done: list[Detected] = []
        faults: list[ClusterError] = []
        for ticker in self.tickers:
            try:
                done.extend(ticker.tick())
            except ClusterError as fault:
                faults.append(fault)
        try:
            delivered = self.delivery.deliver()
        except ClusterError as fault:
            faults.append(fault)
        if faults:
            raise faults[0]
        return tuple(done), delivered

    def run(self) -> None:
        """Tick on schedule; returns when `stop` is set and what is in hand is finished or left repeatable."""
        scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        for ticker in self.tickers:
            patient = _Patient(f"source {ticker.detector.source.name}", ticker.tick)
            every = ticker.detector.source.every.total_seconds()
            name = f"tick-{ticker.detector.source.name}"
            scheduler.add_job(patient, "interval", seconds=every, id=name, next_run_time=self.clock.now())
        deliver = _Patient("delivery", self.delivery.deliver)
        scheduler.add_job(deliver, "interval", seconds=_DELIVER_EVERY.total_seconds(), id="deliver")
        scheduler.start()
        log.info("sidecar.started", sources=[ticker.detector.source.name for ticker in self.tickers])
        self.stop.wait()
        log.info("sidecar.stopping")
        scheduler.shutdown(wait=True)
        log.info("sidecar.stopped")


@dataclass(slots=True)
class _Patient:
    """Does some work; where the cluster fails it says so and skips calls, more of them each time."""

    name: str
    work: Callable[[], object]
    failures: int = 0
    skip: int = 0

    def __call__(self) -> None:
        if self.skip > 0:
            self.skip -= 1
            return
        try:
            self.work()
        except Stopped:
            log.info("work.left", what=self.name)
        except ClusterError as fault:
            self.failures += 1
            self.skip = min(2 ** (self.failures - 1) - 1, 4)
            log.error(  # noqa: TRY400 - the sentence says it all, a trace would bury it
                "cluster.failed", what=self.name, error=str(fault), failures=self.failures, skips=self.skip
            )
        except Exception:  # the scheduler would drop the job's error into a log of its own and go on
            self.failures += 1
            log.exception("work.failed", what=self.name)
        else:
            if self.failures:
                log.info("cluster.back", what=self.name, failures=self.failures)
            self.failures = 0
