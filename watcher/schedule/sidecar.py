"""A running sidecar: searches, deliveries and leases as jobs, each called by APScheduler.

A call only starts a job: the state decides what is due, and the leases decide which sidecar does it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from watcher.backoff import Backoff
from watcher.clock import SystemClock
from watcher.errors import ClusterError, Incomplete
from watcher.notify.operators import OperatorNotifier
from watcher.pipeline import DeliveryResult, Dispatcher, Stopped, WindowResult
from watcher.ports import Clock
from watcher.schedule.rule_reloader import RuleReloader
from watcher.schedule.source_search import SourceSearch
from watcher.state.leases import Leases

log = structlog.get_logger(__name__)

DELIVERY = "delivery"
"""The lease of sending pending deliveries."""

_DELIVER_EVERY = timedelta(seconds=5)
_PAST_EVERY = timedelta(seconds=10)
_RULES_EVERY = timedelta(seconds=5)
_NOTIFY_AFTER = 3  # failures in a row
_CALL = timedelta(seconds=1)  # the unit of a job's back-off: one call, however far apart the calls are
_JOB_BACKOFF = Backoff(first=_CALL, longest=5 * _CALL)
_NO_BACKOFF = Backoff(first=_CALL, longest=_CALL)


def live_lease(source: str) -> str:
    """Return the name of the lease of a source's live search."""
    return f"live-{source}"


def past_lease(source: str) -> str:
    """Return the name of the lease of a source's gaps and late events."""
    return f"past-{source}"


@dataclass(slots=True)
class Sidecar:
    """Searches the sources and sends deliveries until `stop` is set."""

    searches: tuple[SourceSearch, ...]
    delivery: Dispatcher
    leases: Leases | None = None  # None: no other sidecar shares the work
    reloader: RuleReloader | None = None  # None: the rules stay as they are
    operators: OperatorNotifier = field(default_factory=OperatorNotifier)
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)

    def once(self) -> tuple[tuple[WindowResult, ...], DeliveryResult]:
        """Search every source and deliver once; the first fault is raised after all of them had their turn."""
        results: list[WindowResult] = []
        faults: list[Exception] = []
        for search in self.searches:
            try:
                results.extend(_search_all(search, faults))
            except Stopped:
                raise
            except Exception as fault:  # noqa: BLE001 - raised below, when the others had their turn
                faults.append(fault)
        try:
            delivered = self.delivery.deliver()
        except ClusterError as fault:
            faults.append(fault)
        if faults:
            raise faults[0]
        return tuple(results), delivered

    def run(self) -> None:
        """Run the jobs until `stop` is set; work in progress is finished, or left so that it can be repeated."""
        threads = 2 * len(self.searches) + 3  # one for each job: none waits for another, least of all the leases
        scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        first = self.clock.now()
        for interval, job in self._jobs():
            scheduler.add_job(job, "interval", seconds=interval.total_seconds(), id=job.name, next_run_time=first)
        scheduler.start()
        log.info("sidecar.started", sources=[search.source.name for search in self.searches])
        self.stop.wait()
        log.info("sidecar.stopping")
        scheduler.shutdown(wait=True)
        self._leave()
        log.info("sidecar.stopped")

    def _jobs(self) -> Iterator[tuple[timedelta, BackoffJob]]:
        """Yield each job and its interval; the leases are renewed once before the other jobs exist."""
        operators = self.operators
        if self.leases is not None:
            beat = BackoffJob("leases", self._beat, operators, backoff=_NO_BACKOFF)  # a late renewal loses them
            beat()
            yield self.leases.period / 3, beat
        for search in self.searches:
            name = search.source.name
            live, past = self._holds(live_lease(name)), self._holds(past_lease(name))
            yield search.source.every, BackoffJob(f"source {name}", search.live.advance, operators, live)
            yield _PAST_EVERY, BackoffJob(f"past of {name}", search.search_past, operators, past)
        if self.reloader is not None:
            yield _RULES_EVERY, BackoffJob("rules", self.reloader.check, operators)
        yield _DELIVER_EVERY, BackoffJob(DELIVERY, self.delivery.deliver, operators, self._holds(DELIVERY))

    def _beat(self) -> None:
        if self.leases is not None:
            self.leases.beat(now=self.clock.now())

    def _holds(self, lease: str) -> Callable[[], bool]:
        """Return a function that tells whether this sidecar holds a lease at the moment."""
        leases = self.leases
        return _always if leases is None else lambda: leases.holds(lease)

    def _leave(self) -> None:
        if self.leases is not None:
            try:
                self.leases.leave(now=self.clock.now())
            except ClusterError as fault:
                advice = "the other sidecars take over when the leases expire"
                log.warning("lease.left", error=str(fault), advice=advice)


def _search_all(search: SourceSearch, faults: list[Exception]) -> Iterator[WindowResult]:
    """Yield the results of a source's live search, gaps and late-event check.

    An Incomplete of the live search is added to `faults` and the rest goes on; any other error is raised.
    """
    try:
        result = search.live.advance()
        yield from () if result is None else (result,)
    except Incomplete as fault:
        faults.append(fault)
    yield from search.gaps.fill(search.source.every)
    yield from search.late_events.check()


def _always() -> bool:
    return True


@dataclass(slots=True)
class BackoffJob:
    """Does some work at each call; after failures it logs them and skips calls, more of them each time."""

    name: str
    work: Callable[[], object]
    operators: OperatorNotifier = field(default_factory=OperatorNotifier)
    holds_lease: Callable[[], bool] = _always  # where it does not, nothing is done, and nothing counts as a success
    backoff: Backoff = _JOB_BACKOFF  # its first wait is the time between two calls
    failures: int = 0
    skip: int = 0

    def __call__(self) -> None:
        """Do the work, unless the job waits after a failure or another sidecar holds its lease."""
        if self._waits():
            return
        try:
            self.work()
        except Stopped:
            log.info("job.interrupted", job=self.name)
        except ClusterError as fault:
            self.failures += 1
            self.skip = self.backoff.delay(self.failures) // self.backoff.first - 1
            log.error(  # noqa: TRY400 - the sentence says it all, a trace would bury it
                "cluster.failed", job=self.name, error=str(fault), failures=self.failures, skips=self.skip
            )
            self._notify_of_failure(f"{fault}\nNo alerts are sent meanwhile, and no events are lost")
        except Exception:  # the scheduler would drop the job's error into a log of its own and go on
            self.failures += 1
            log.exception("job.failed", job=self.name)
            self._notify_of_failure("an unexpected error; see the log")
        else:
            self._succeeded()

    def _waits(self) -> bool:
        if not self.holds_lease():
            return True
        if self.skip > 0:
            self.skip -= 1
            return True
        return False

    def _notify_of_failure(self, text: str) -> None:
        if self.failures == _NOTIFY_AFTER:
            self.operators.notify(f"{self.name} fails", text)

    def _succeeded(self) -> None:
        if self.failures:
            log.info("cluster.recovered", job=self.name, failures=self.failures)
        if self.failures >= _NOTIFY_AFTER:
            self.operators.notify(f"{self.name} works again", f"it failed {self.failures} times in a row")
        self.failures = 0
