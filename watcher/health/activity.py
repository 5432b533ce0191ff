"""What the jobs of this sidecar are doing: their calls, their failures, and whether they advance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher.errors import ClusterError, Unreachable
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.ports import Clock

_LEAST_FAILURES = 2  # in a row, before a failure is a problem


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """What the failures of a job are called."""

    name: str  # of the metric's label
    problem: ProblemKind
    title: str  # e.g. "searching `windows` fails"
    source: str = ""  # the source that it searches, empty where it serves all

    @property
    def subject(self) -> str:
        """What its problems are about."""
        return self.source if self.problem is not ProblemKind.SEARCH_FAILS else f"{self.name} {self.source}"


@dataclass(slots=True, kw_only=True)
class JobActivity:
    """The state of one job."""

    kind: JobKind
    advanced: float  # on the own clock: the last sign of progress
    running: bool = False
    failures: int = 0
    failing_since: float = 0.0
    error: Exception | None = None
    succeeded: datetime | None = None  # when it last ended without an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """Whether the jobs advance, whatever the cluster answers."""

    alive: bool
    silent_for: float  # seconds since any job last advanced
    stuck: tuple[str, ...] = ()  # jobs that began and show no progress
    succeeded: dict[str, datetime] = field(default_factory=dict)  # job → when it last ended without an error


def _ignore(_job: str, _kind: JobKind, _outcome: str, _result: object) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Activity:
    """The activity of all jobs; every method may be called from any thread."""

    clock: Clock
    lasting: timedelta = timedelta(seconds=30)  # how long a job fails before that is a problem
    stuck_after: timedelta = timedelta(minutes=15)  # without a sign of progress
    observe: Callable[[str, JobKind, str, object], None] = _ignore  # called when the work of a job ends
    _jobs: dict[str, JobActivity] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, lasting: timedelta) -> None:
        """Begin anew, without any job; `lasting` is how long a job fails before that is a problem."""
        with self._lock:
            self.lasting = lasting
            self._jobs.clear()

    def register(self, job: str, kind: JobKind) -> None:
        """Add a job, or begin anew with it."""
        with self._lock:
            self._jobs[job] = JobActivity(kind=kind, advanced=self.clock.monotonic())

    def progress(self, job: str) -> None:
        """Record a sign of progress of a job."""
        activity = self._jobs.get(job)
        if activity is not None:
            activity.advanced = self.clock.monotonic()

    def watched(self, job: str, stopping: Callable[[], bool]) -> Callable[[], bool]:
        """Return `stopping`, whose calls count as progress of a job: it is called between the steps of its work."""

        def watched_stopping() -> bool:
            self.progress(job)
            return stopping()

        return watched_stopping

    def started(self, job: str) -> None:
        """Record that a job starts its work."""
        with self._lock:
            activity = self._jobs[job]
            activity.running, activity.advanced = True, self.clock.monotonic()

    def succeeded(self, job: str, result: object) -> None:
        """Record that the work of a job ended without an error."""
        with self._lock:
            activity = self._ended(job)
            activity.failures, activity.error, activity.succeeded = 0, None, self.clock.now()
        self.observe(job, activity.kind, "done", result)

    def interrupted(self, job: str) -> None:
        """Record that the work of a job was stopped."""
        with self._lock:
            activity = self._ended(job)
        self.observe(job, activity.kind, "interrupted", None)

    def failed(self, job: str, error: Exception) -> None:
        """Record that the work of a job failed."""
        with self._lock:
            activity = self._ended(job)
            if not activity.failures:
                activity.failing_since = activity.advanced
            activity.failures += 1
            activity.error = error
        self.observe(job, activity.kind, "failed", error)

    def problems(self) -> tuple[Problem, ...]:
        """Return the failures that last; where nothing answers, that is one problem and not one of each job."""
        with self._lock:
            lasting = tuple(self._lasting())
        away = [activity for activity in lasting if isinstance(activity.error, Unreachable)]
        if away:
            return (_away(away[0]), *(_failure(activity) for activity in lasting if activity not in away))
        return tuple(map(_failure, lasting))

    def liveness(self) -> Liveness:
        """Return whether the jobs advance."""
        now = self.clock.monotonic()
        with self._lock:
            jobs = dict(self._jobs)
        limit = self.stuck_after.total_seconds()
        silent_for = min((now - activity.advanced for activity in jobs.values()), default=0.0)
        stuck = tuple(name for name, job in jobs.items() if job.running and now - job.advanced > limit)
        return Liveness(
            alive=not stuck and silent_for <= max(60.0, self.lasting.total_seconds() * 2),
            silent_for=silent_for,
            stuck=stuck,
            succeeded={name: job.succeeded for name, job in jobs.items() if job.succeeded is not None},
        )

    def _ended(self, job: str) -> JobActivity:
        activity = self._jobs[job]
        activity.running, activity.advanced = False, self.clock.monotonic()
        return activity

    def _lasting(self) -> Iterator[JobActivity]:
        now = self.clock.monotonic()
        for activity in self._jobs.values():
            lasts = now - activity.failing_since >= self.lasting.total_seconds()
            if activity.failures >= _LEAST_FAILURES and lasts:
                yield activity


def _away(activity: JobActivity) -> Problem:
    return Problem(
        kind=ProblemKind.CLUSTER_AWAY,
        title="the cluster does not answer",
        message=f"{activity.error}; no alerts are sent meanwhile, and no events are lost",
    )


def _failure(activity: JobActivity) -> Problem:
    kind, error = activity.kind, activity.error
    reason = str(error) if isinstance(error, ClusterError) else "an unexpected error, which the log describes"
    return Problem(
        kind=kind.problem,
        subject=kind.subject,
        title=kind.title,
        message=f"{kind.title}: {reason}; no alerts are sent meanwhile, and no events are lost",
    )
