"""A running sidecar: searches, deliveries and leases as jobs, each called by APScheduler.

A call only starts a job: the state decides what is due, and the leases decide which sidecar does it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from watcher.backoff import Backoff
from watcher.clock import SystemClock
from watcher.errors import ClusterError, Incomplete
from watcher.health.activity import Activity, JobKind
from watcher.health.recorded_problems import ProblemKind
from watcher.pipeline import DeliveryResult, Dispatcher, Stopped, WindowResult
from watcher.ports import Clock
from watcher.schedule.rule_reloader import RuleReloader
from watcher.schedule.source_search import SourceSearch
from watcher.state.lease_names import delivery_lease, live_lease, past_lease
from watcher.state.leases import Leases

log = structlog.get_logger(__name__)

_DELIVER_EVERY = timedelta(seconds=5)
_PAST_EVERY = timedelta(seconds=10)
_RULES_EVERY = timedelta(seconds=5)
_CALL = timedelta(seconds=1)  # the unit of a job's back-off: one call, however far apart the calls are
_FINISHING = timedelta(seconds=3)
"""How long a sidecar that ends waits for work in progress before it releases its leases; less than its grace period."""
_JOB_BACKOFF = Backoff(first=_CALL, longest=5 * _CALL)
_NO_BACKOFF = Backoff(first=_CALL, longest=_CALL)


def _ignore(_leases: Iterable[str]) -> None:
    """Do nothing: there are no jobs yet."""


def _start_at_once(
    scheduler: BackgroundScheduler, jobs: Mapping[str, str], clock: Clock, leases: Iterable[str]
) -> None:
    """Start the jobs of leases now: their last holder may have been silent for a complete period."""
    for lease in leases:
        with suppress(JobLookupError):  # the sidecar ends
            if lease in jobs:
                scheduler.modify_job(jobs[lease], next_run_time=clock.now())


def delivery_job(channel: str) -> str:
    """Return the name of the job of the deliveries to a channel."""
    return f"delivery to {channel}"


def live_job(source: str) -> str:
    """Return the name of the job of a source's live search."""
    return f"source {source}"


def past_job(source: str) -> str:
    """Return the name of the job of a source's gaps and late events."""
    return f"past of {source}"


_STATE = JobKind(name="leases", problem=ProblemKind.STATE_NOT_WRITABLE, title="the state cannot be written")
_RULES = JobKind(name="rules", problem=ProblemKind.RULE_FAULTS, title="changed rule files cannot be read")
_DELIVERY = JobKind(name="delivery", problem=ProblemKind.DELIVERY_FAILS, title="messages cannot be delivered")


def _live_kind(source: str) -> JobKind:
    title = f"the search of `{source}` fails"
    return JobKind(name="live", source=source, problem=ProblemKind.SEARCH_FAILS, title=title)


def _past_kind(source: str) -> JobKind:
    title = f"gaps and late events of `{source}` cannot be searched"
    return JobKind(name="past", source=source, problem=ProblemKind.SEARCH_FAILS, title=title)


def _service_kind(name: str) -> JobKind:
    return JobKind(name=name, problem=ProblemKind.SERVICE_FAILS, title=f"the job `{name}` fails")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A job that every sidecar does."""

    name: str
    every: timedelta
    work: Callable[[], object]


@dataclass(slots=True)
class Sidecar:
    """Searches the sources and sends deliveries until `stop` is set."""

    searches: tuple[SourceSearch, ...]
    delivery: Dispatcher
    leases: Leases | None = None  # None: no other sidecar shares the work
    reloader: RuleReloader | None = None  # None: the rules stay as they are
    activity: Activity = field(default_factory=lambda: Activity(SystemClock()))
    services: tuple[Service, ...] = ()  # further jobs, which belong to no lease
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)
    now: Callable[[], datetime] | None = None  # the cluster's time, without a request; None: that of the clock
    _taken: Callable[[Iterable[str]], None] = field(init=False, default=_ignore)  # called with leases after each beat

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
        """Run the jobs until `stop` is set; work in progress is finished, or left so that it can be repeated.

        Work that takes longer than `_FINISHING` does nothing more under its lease, which another sidecar may have.
        """
        # one for each job: none waits for another, least of all the leases
        threads = 2 * len(self.searches) + len(self.delivery.channels) + len(self.services) + 3
        scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        first = self.clock.now()
        jobs: dict[str, str] = {}  # by lease
        for interval, job in self._jobs():
            scheduler.add_job(job, "interval", seconds=interval.total_seconds(), id=job.name, next_run_time=first)
            jobs[job.lease] = job.name
        self._taken = partial(_start_at_once, scheduler, jobs, self.clock)
        scheduler.start()
        log.info("sidecar.started", sources=[search.source.name for search in self.searches])
        self.stop.wait()
        log.info("sidecar.stopping")
        closing = threading.Thread(target=scheduler.shutdown, name="closing", daemon=True)
        closing.start()
        closing.join(_FINISHING.total_seconds())
        self._leave()  # also where a channel or the cluster keeps a job: the others take over the rest at once
        closing.join()
        log.info("sidecar.stopped")

    def _jobs(self) -> Iterator[tuple[timedelta, BackoffJob]]:
        """Yield each job and its interval; the leases are renewed once before the other jobs exist."""
        activity = self.activity
        if self.leases is not None:
            beat = BackoffJob("leases", self._beat, activity, _STATE, backoff=_NO_BACKOFF)  # a late renewal loses them
            beat()
            yield self.leases.period / 3, beat
        for search in self.searches:
            name = search.source.name
            live = self._leased(live_lease(name))
            past = self._leased(past_lease(name))
            yield search.source.every, live(live_job(name), search.live.advance, activity, _live_kind(name))
            yield _PAST_EVERY, past(past_job(name), search.search_past, activity, _past_kind(name))
        if self.reloader is not None:
            yield _RULES_EVERY, BackoffJob("rules", self.reloader.check, activity, _RULES)
        for channel in self.delivery.channels:
            deliver, leased = partial(self.delivery.deliver_to, channel), self._leased(delivery_lease(channel))
            yield _DELIVER_EVERY, leased(delivery_job(channel), deliver, activity, _DELIVERY)
        for service in self.services:
            yield service.every, BackoffJob(service.name, service.work, activity, _service_kind(service.name))

    def _beat(self) -> None:
        if self.leases is not None:
            before = self.leases.held
            self.leases.beat(now=self.now() if self.now is not None else self.clock.now())
            self._taken(set(self.leases.held).difference(before))

    def _leased(self, lease: str) -> Callable[[str, Callable[[], object], Activity, JobKind], BackoffJob]:
        """Return a function that creates a job, which is done only while this sidecar holds a lease."""
        leases = self.leases
        holds = _always if leases is None else lambda: leases.holds(lease)
        return partial(BackoffJob, holds_lease=holds, lease=lease)

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
    yield from search.search_past()


def _always() -> bool:
    return True


@dataclass(slots=True)
class BackoffJob:
    """Does some work at each call; after failures it logs them and skips calls, more of them each time."""

    name: str
    work: Callable[[], object]
    activity: Activity
    kind: JobKind
    holds_lease: Callable[[], bool] = _always  # where it does not, nothing is done, and nothing counts as a success
    lease: str = ""  # a sidecar that takes it does the job at once
    backoff: Backoff = _JOB_BACKOFF  # its first wait is the time between two calls
    failures: int = 0
    skip: int = 0

    def __post_init__(self) -> None:
        self.activity.register(self.name, self.kind)

    def __call__(self) -> None:
        """Do the work, unless the job waits after a failure or another sidecar holds its lease."""
        if self._waits():
            self.activity.progress(self.name)
            return
        self.activity.started(self.name)
        try:
            result = self.work()
        except Stopped:
            self.activity.interrupted(self.name)
            log.info("job.interrupted", job=self.name)
        except ClusterError as fault:
            self._failed(fault)
            self.skip = self.backoff.delay(self.failures) // self.backoff.first - 1
            log.error(  # noqa: TRY400 - the sentence says it all, a trace would bury it
                "cluster.failed", job=self.name, error=str(fault), failures=self.failures, skips=self.skip
            )
        except Exception as fault:  # the scheduler would drop the job's error into a log of its own and go on
            self._failed(fault)
            log.exception("job.failed", job=self.name)
        else:
            self._succeeded(result)

    def _waits(self) -> bool:
        if not self.holds_lease():
            return True
        if self.skip > 0:
            self.skip -= 1
            return True
        return False

    def _failed(self, fault: Exception) -> None:
        self.failures += 1
        self.activity.failed(self.name, fault)

    def _succeeded(self, result: object) -> None:
        if self.failures:
            log.info("cluster.recovered", job=self.name, failures=self.failures)
        self.failures = 0
        self.activity.succeeded(self.name, result)
