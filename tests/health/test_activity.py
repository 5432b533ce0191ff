"""A process is alive while its jobs advance, whatever the cluster answers."""

from __future__ import annotations

import threading
from datetime import timedelta

from support.fakes import FakeClock

from watcher.errors import Overloaded
from watcher.health.activity import Activity, JobKind
from watcher.health.recorded_problems import ProblemKind

LIVE = JobKind(name="live", source="windows", problem=ProblemKind.SEARCH_FAILS, title="the search fails")
STATE = JobKind(name="leases", problem=ProblemKind.STATE_NOT_WRITABLE, title="the state cannot be written")


def activity() -> tuple[Activity, FakeClock]:
    clock = FakeClock()
    created = Activity(clock, stuck_after=timedelta(minutes=15))
    created.register("source windows", LIVE)
    created.register("leases", STATE)
    return created, clock


def test_failing_jobs_are_alive() -> None:
    jobs, clock = activity()
    for _ in range(100):
        clock.wait(30)
        for job in ("source windows", "leases"):
            jobs.started(job)
            jobs.failed(job, Overloaded("writing is blocked"))
        assert jobs.liveness().alive
    assert {problem.kind for problem in jobs.problems()} == {ProblemKind.SEARCH_FAILS, ProblemKind.STATE_NOT_WRITABLE}


def test_a_job_without_progress_is_stuck_although_others_advance() -> None:
    jobs, clock = activity()
    jobs.started("source windows")
    for _ in range(31):
        jobs.progress("leases")
        clock.wait(30)
    jobs.progress("leases")
    liveness = jobs.liveness()
    assert (liveness.alive, liveness.stuck) == (False, ("source windows",))


def test_a_long_search_that_asks_whether_to_stop_advances() -> None:
    jobs, clock = activity()
    stop = threading.Event()
    stopping = jobs.watched("source windows", stop.is_set)
    jobs.started("source windows")
    for _ in range(100):
        clock.wait(30)
        assert not stopping()
        assert jobs.liveness().alive
    stop.set()
    assert stopping()


def test_a_process_whose_jobs_are_not_called_is_not_alive() -> None:
    jobs, clock = activity()
    clock.wait(59)
    assert jobs.liveness().alive
    clock.wait(60)
    assert not jobs.liveness().alive


def test_a_process_without_jobs_yet_is_alive() -> None:
    clock = FakeClock()
    connecting = Activity(clock)
    clock.wait(3600)
    assert connecting.liveness().alive


def test_other_settings_begin_without_the_jobs_of_the_previous_ones() -> None:
    jobs, clock = activity()
    for _ in range(3):
        jobs.started("leases")
        jobs.failed("leases", Overloaded("writing is blocked"))
        clock.wait(30)
    assert jobs.problems()
    jobs.begin(timedelta(seconds=2))
    assert (jobs.problems(), jobs.liveness().alive) == ((), True)
