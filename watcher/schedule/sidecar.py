"""A running watcher: ticks, the past, deliveries and leases, each woken by APScheduler.

A job is only a wake-up: what is due is told by the state, and who does it by the leases.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from watcher.clock import SystemClock
from watcher.errors import ClusterError, Incomplete
from watcher.notify.operators import Operators
from watcher.pipeline import DeliveryResult, Dispatcher, Stopped, WindowResult
from watcher.ports import Clock
from watcher.schedule.rule_reloader import RuleReloader
from watcher.schedule.ticker import Ticker
from watcher.state.leases import Leases

log = structlog.get_logger(__name__)

DELIVERY = "delivery"
"""The lease of sending pending deliveries."""

_DELIVER_EVERY = timedelta(seconds=5)
_PAST_EVERY = timedelta(seconds=10)
_RULES_EVERY = timedelta(seconds=5)
_PATIENCE = 3  # failures in a row until operators are told


def live_lease(source: str) -> str:
    """Name the work of searching a source's live edge."""
    return f"live-{source}"


def past_lease(source: str) -> str:
    """Name the work of searching a source's holes and late events."""
    return f"past-{source}"


@dataclass(slots=True)
class Sidecar:
    """Ticks and delivers until it is asked to stop."""

    tickers: tuple[Ticker, ...]
    delivery: Dispatcher
    leases: Leases | None = None  # None: nobody else is there
    reloader: RuleReloader | None = None  # None: the rules stay as they are
    operators: Operators = field(default_factory=Operators)
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)

    def once(self) -> tuple[tuple[WindowResult, ...], DeliveryResult]:
        """Do one tick of every source and one delivery; the first fault is raised when all had their turn."""
        done: list[WindowResult] = []
        faults: list[Exception] = []
        for ticker in self.tickers:
            try:
                done.extend(_all_of(ticker, faults))
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
        return tuple(done), delivered

    def run(self) -> None:
        """Work on schedule; returns when `stop` is set and what is in hand is finished or left repeatable."""
        threads = 2 * len(self.tickers) + 3  # one for each job: none waits for another, least of all the leases
        scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

        def every(span: timedelta, patient: BackoffJob) -> None:
            first = self.clock.now()
            scheduler.add_job(patient, "interval", seconds=span.total_seconds(), id=patient.name, next_run_time=first)

        if self.leases is not None:
            beat = BackoffJob("leases", self._beat, self.operators, most_skips=0)  # whoever waits longer loses them
            beat()
            every(self.leases.period / 3, beat)
        for ticker in self.tickers:
            name = ticker.source.name
            live, past = live_lease(name), past_lease(name)
            every(ticker.source.every, BackoffJob(f"source {name}", ticker.tick, self.operators, mine=self._mine(live)))
            every(_PAST_EVERY, BackoffJob(f"past of {name}", _past(ticker), self.operators, mine=self._mine(past)))
        if self.reloader is not None:
            every(_RULES_EVERY, BackoffJob("rules", self.reloader.look, self.operators))
        deliver = self.delivery.deliver
        every(_DELIVER_EVERY, BackoffJob(DELIVERY, deliver, self.operators, mine=self._mine(DELIVERY)))
        scheduler.start()
        log.info("sidecar.started", sources=[ticker.source.name for ticker in self.tickers])
        self.stop.wait()
        log.info("sidecar.stopping")
        scheduler.shutdown(wait=True)
        self._leave()
        log.info("sidecar.stopped")

    def _beat(self) -> None:
        if self.leases is not None:
            self.leases.beat(now=self.clock.now())

    def _mine(self, work: str) -> Callable[[], bool]:
        """Tell whether a work is ours, whenever it is asked."""
        leases = self.leases
        return _always if leases is None else lambda: leases.holds(work)

    def _leave(self) -> None:
        if self.leases is not None:
            try:
                self.leases.leave(now=self.clock.now())
            except ClusterError as fault:
                log.warning("lease.left", error=str(fault), advice="the others take over when their time is over")


def _all_of(ticker: Ticker, faults: list[Exception]) -> Iterator[WindowResult]:
    """Yield what a source's live edge and its past came to; a live edge that fails in part keeps the past from nothing.

    Such a fault is added to `faults`, any other is raised.
    """
    try:
        tick = ticker.tick()
        yield from () if tick is None else (tick,)
    except Incomplete as fault:
        faults.append(fault)
    yield from ticker.fill(ticker.source.every)
    yield from ticker.sweep()


def _always() -> bool:
    return True


def _past(ticker: Ticker) -> Callable[[], object]:
    def past() -> None:
        ticker.fill(ticker.source.every)
        ticker.sweep()

    return past


@dataclass(slots=True)
class BackoffJob:
    """Does some work; where the cluster fails it says so and skips calls, more of them each time."""

    name: str
    work: Callable[[], object]
    operators: Operators = field(default_factory=Operators)
    mine: Callable[[], bool] = _always  # where it is not, nothing is done, and nothing is taken for a success
    most_skips: int = 4
    failures: int = 0
    skip: int = 0

    def __call__(self) -> None:
        """Do it, unless it is time to wait or somebody else's work."""
        if self._waits():
            return
        try:
            self.work()
        except Stopped:
            log.info("work.left", what=self.name)
        except ClusterError as fault:
            self._failed()
            self.skip = min(2 ** min(self.failures - 1, 10) - 1, self.most_skips)
            log.error(  # noqa: TRY400 - the sentence says it all, a trace would bury it
                "cluster.failed", what=self.name, error=str(fault), failures=self.failures, skips=self.skip
            )
            if self.failures == _PATIENCE:
                self.operators.tell(f"{self.name} fails", f"{fault}\nNothing is told meanwhile, and nothing is lost")
        except Exception:  # the scheduler would drop the job's error into a log of its own and go on
            self._failed()
            log.exception("work.failed", what=self.name)
            if self.failures == _PATIENCE:
                self.operators.tell(f"{self.name} fails", "an unexpected error; see the log")
        else:
            if self.failures:
                log.info("cluster.back", what=self.name, failures=self.failures)
            if self.failures >= _PATIENCE:
                self.operators.tell(f"{self.name} works again", f"it failed {self.failures} times in a row")
            self.failures = 0

    def _waits(self) -> bool:
        if not self.mine():
            return True
        if self.skip > 0:
            self.skip -= 1
            return True
        return False

    def _failed(self) -> None:
        self.failures += 1
