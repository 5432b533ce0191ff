"""A running sidecar: a failure does not delay other jobs, and operators are notified of lasting ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.fakes import NOW, FakeClock, ListedCounts, ListedEvents, RecordingChannel, event_document, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.clock import SystemClock
from watcher.delivery.channel_state import ChannelStates
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.errors import DeliveryError, Incomplete, Unexpected, Unreachable
from watcher.health.activity import Activity, JobKind
from watcher.health.recorded_problems import ProblemKind
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.operators import OperatorNotifier
from watcher.notify.renderer import Renderer
from watcher.pipeline import Detector, Dispatcher, Stopped, prepare_rule
from watcher.ports import StoredDocument
from watcher.schedule import DELIVERY, Sidecar, SourceSearch, live_lease, past_lease, source_search
from watcher.schedule.sidecar import _NO_BACKOFF, BackoffJob, Service
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings
from watcher.state.leases import Leases
from watcher.state.state_documents import StateDocuments

SOURCE = Source(delay=timedelta(0))
MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",), operator=True)


def search_of(events: ListedEvents, state: MemoryDocuments) -> SourceSearch:
    """Create the searches of a source with one rule, on fakes."""
    watched = prepare_rule(rule(), rule_settings(rule(), Settings()), SOURCE)
    detector = Detector(source=SOURCE, events=events, alert_store=AlertStore(state), rules=(watched,))
    return source_search(detector, Checkpoints(StateDocuments(state)), ListedCounts(events))


def dispatcher(state: MemoryDocuments) -> Dispatcher:
    """Create a dispatcher without channels."""
    return Dispatcher(
        queries=DeliveryQueries(state),
        outbox=Outbox(state),
        states=ChannelStates(StateDocuments(state)),
        channels={},
        renderer=Renderer(),
        links=Links(),
        now=lambda: NOW,
    )


class Down(ListedEvents):
    """A cluster that is unreachable."""

    def mapping(self, pattern: str, paths: object, **_: object) -> Mapping[str, object]:  # type: ignore[override] # it never answers
        raise Unreachable(f"`{pattern}` is away: {bool(paths)}")


def test_an_unreachable_source_does_not_delay_another() -> None:
    state = MemoryDocuments()
    sidecar = Sidecar(
        searches=(search_of(Down(), state), search_of(ListedEvents([event_document()]), state)),
        delivery=dispatcher(state),
    )
    with pytest.raises(Unreachable):
        sidecar.once()
    assert any(index.startswith("watcher-hits-") for index, _ in state.documents)


@pytest.mark.parametrize("fault", [RecursionError("too deep"), KeyError("hits")])
def test_an_unexpected_error_does_not_delay_another_source(fault: Exception) -> None:
    class Poisoned(ListedEvents):
        def counts(self, step: timedelta) -> Mapping[datetime, int]:
            assert step
            raise fault

    state = MemoryDocuments()
    searches = (search_of(Poisoned(), MemoryDocuments()), search_of(ListedEvents([event_document()]), state))
    with pytest.raises((Unexpected, type(fault))):
        Sidecar(searches=searches, delivery=dispatcher(state)).once()
    assert any(index.startswith("watcher-hits-") for index, _ in state.documents)


def test_a_sidecar_searches_at_once_and_releases_its_leases_when_it_stops() -> None:
    state, stop = MemoryDocuments(), threading.Event()
    works = (DELIVERY, live_lease(SOURCE.name), past_lease(SOURCE.name))
    leases = Leases(StateDocuments(state), SystemClock(), "me", works)
    sidecar = Sidecar(
        searches=(search_of(ListedEvents([event_document()]), state),),
        delivery=dispatcher(state),
        leases=leases,
        stop=stop,
    )
    running = threading.Thread(target=sidecar.run)
    running.start()
    clock = SystemClock()
    end = clock.monotonic() + 20
    while not any("hits" in index for index, _ in list(state.documents)) and clock.monotonic() < end:
        clock.wait(0.05)
    stop.set()
    running.join(timeout=10)
    assert not running.is_alive()
    assert any("hits" in index for index, _ in state.documents)
    assert leases.held == ()
    assert state.documents["watcher-state", "members"].document["body"]["names"] == []


def test_work_that_does_not_end_keeps_no_lease_of_a_sidecar_that_ends() -> None:
    """A channel that hangs must not keep the other sidecars from searching and delivering until the leases expire."""
    state, stop, hanging, answered = MemoryDocuments(), *(threading.Event() for _ in range(3))
    leases = Leases(StateDocuments(state), SystemClock(), "me", (DELIVERY, live_lease(SOURCE.name)))

    def hang() -> None:
        hanging.set()
        answered.wait()

    sidecar = Sidecar(
        searches=(),
        delivery=dispatcher(state),
        leases=leases,
        services=(Service(name="hanging", every=timedelta(seconds=1), work=hang),),
        stop=stop,
    )
    running = threading.Thread(target=sidecar.run)
    running.start()
    assert hanging.wait(20)
    assert leases.held
    stop.set()
    clock = SystemClock()
    end = clock.monotonic() + 20
    while leases.held and clock.monotonic() < end:
        clock.wait(0.05)
    assert running.is_alive()
    assert leases.held == ()
    assert {document.document["body"]["holder"] for document in stored_leases(state)} == {""}
    answered.set()
    running.join(timeout=10)
    assert not running.is_alive()


def test_a_sidecar_that_takes_a_lapsed_lease_searches_at_once() -> None:
    state, clock = MemoryDocuments(), SystemClock()
    period = timedelta(seconds=0.3)
    work = live_lease(SOURCE.name)
    ended = Leases(StateDocuments(state), clock, "ended", (work,), period=period)
    ended.beat(now=NOW)
    assert ended.held == (work,)
    sidecar = Sidecar(
        searches=(search_of(ListedEvents([event_document()]), state),),
        delivery=dispatcher(state),
        leases=Leases(StateDocuments(state), clock, "me", (work,), period=period),
    )
    running = threading.Thread(target=sidecar.run)
    running.start()
    end = clock.monotonic() + 30  # less than the interval of the source
    assert SOURCE.every > timedelta(seconds=30)
    while not any("hits" in index for index, _ in list(state.documents)) and clock.monotonic() < end:
        clock.wait(0.05)
    sidecar.stop.set()
    running.join()
    assert any("hits" in index for index, _ in state.documents)


def stored_leases(state: MemoryDocuments) -> list[StoredDocument]:
    return [document for (_, key), document in state.documents.items() if key.startswith("lease-")]


# --------------------------------------------------------------------------- back-off


@dataclass
class FailingWork:
    """Work that raises faults from a list."""

    faults: list[Exception] = field(default_factory=list)
    calls: int = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)


def backoff_job(
    work: FailingWork, activity: Activity | None = None, name: str = "source windows", **options: Any
) -> BackoffJob:
    """Create the job of a live search."""
    kind = JobKind(
        name="live", source="windows", problem=ProblemKind.SEARCH_FAILS, title="the search of `windows` fails"
    )
    return BackoffJob(name, work, activity or Activity(FakeClock()), kind, **options)


def calls_of_work(job: BackoffJob, work: FailingWork, calls: int) -> list[int]:
    """Return for each call of the job how often it did the work."""
    counts = []
    for _ in range(calls):
        before = work.calls
        job()
        counts.append(work.calls - before)
    return counts


def test_repeated_failures_are_tried_less_often_until_one_succeeds() -> None:
    work = FailingWork([Unreachable("away")] * 3)
    job = backoff_job(work)
    assert calls_of_work(job, work, 9) == [1, 1, 0, 1, 0, 0, 0, 1, 1]
    assert job.failures == 0


def test_permanent_failures_are_still_tried() -> None:
    work = FailingWork([Unreachable("away")] * 10_000)
    job = backoff_job(work)
    assert sum(calls_of_work(job, work, 2_000)) >= 2_000 / 5


def test_leases_are_renewed_every_time() -> None:
    work = FailingWork([Unreachable("away")] * 9)
    assert calls_of_work(backoff_job(work, backoff=_NO_BACKOFF), work, 10) == [1] * 10


def test_an_unexpected_error_counts_as_a_failure() -> None:
    work = FailingWork([ZeroDivisionError(), ZeroDivisionError()])
    job = backoff_job(work)
    calls_of_work(job, work, 2)
    assert job.failures == 2


FAULTS: list[Callable[[], Exception]] = [lambda: Incomplete("a shard is away"), ZeroDivisionError]


@pytest.mark.parametrize("fault", FAULTS)
def test_lasting_failures_are_a_problem_until_the_work_succeeds(fault: Callable[[], Exception]) -> None:
    clock = FakeClock()
    activity = Activity(clock, lasting=timedelta(seconds=30))
    work = FailingWork([fault(), fault()])
    job = backoff_job(work, activity)
    job()
    clock.wait(60)
    assert activity.problems() == ()  # a single failure passes
    job()
    (problem,) = activity.problems()
    assert (problem.kind, problem.title) == (ProblemKind.SEARCH_FAILS, "the search of `windows` fails")
    job()  # waits
    job()
    assert activity.problems() == ()


def test_failures_that_last_shorter_than_a_lease_are_no_problem() -> None:
    activity = Activity(FakeClock(), lasting=timedelta(seconds=30))
    work = FailingWork([Unreachable("away")] * 9)
    calls_of_work(backoff_job(work, activity), work, 9)
    assert activity.problems() == ()


def test_a_cluster_that_does_not_answer_is_one_problem_of_all_jobs() -> None:
    clock = FakeClock()
    activity = Activity(clock, lasting=timedelta(seconds=30))
    jobs = [backoff_job(FailingWork([Unreachable("away")] * 9), activity, name) for name in ("source a", "source b")]
    for job in jobs * 2:
        job()
    clock.wait(30)
    assert [problem.kind for problem in activity.problems()] == [ProblemKind.CLUSTER_AWAY]


def test_being_stopped_is_no_failure() -> None:
    work = FailingWork([Stopped()] * 5)
    job = backoff_job(work)
    assert calls_of_work(job, work, 5) == [1] * 5
    assert job.failures == 0


def test_without_its_lease_a_job_is_not_done_and_has_not_recovered() -> None:
    clock, held = FakeClock(), [True]
    activity = Activity(clock, lasting=timedelta(seconds=30))
    work = FailingWork([Incomplete("a shard is away")] * 3)
    job = backoff_job(work, activity, holds_lease=lambda: held[0])
    calls_of_work(job, work, 4)
    clock.wait(60)
    assert len(activity.problems()) == 1
    held[0] = False
    assert calls_of_work(job, work, 20) == [0] * 20
    assert len(activity.problems()) == 1
    held[0] = True
    calls_of_work(job, work, 10)
    assert activity.problems() == ()


# --------------------------------------------------------------------------- operators


@pytest.mark.parametrize("fault", [DeliveryError("451 later", permanent=False), ZeroDivisionError("secret")])
def test_one_operator_s_channel_in_trouble_hides_no_other(fault: Exception) -> None:
    first, second = RecordingChannel("mail", faults=[fault]), RecordingChannel("mail")
    OperatorNotifier(((MAIL, first), (MAIL, second)), Renderer(), FakeClock()).notify("the state fails", "it is <away>")
    assert (first.taken, len(second.taken)) == ([], 1)
    (notice,) = second.taken
    assert "the state fails" in notice.subject
    assert "<away>" not in notice.bodies["text/html"]


def test_a_channel_in_trouble_gets_a_notice_only_where_no_other_accepts_it() -> None:
    mail, slack = RecordingChannel("mail"), RecordingChannel("slack")
    channels = ((MAIL, mail), (replace(MAIL, name="slack"), slack))
    operators = OperatorNotifier(channels, Renderer(), FakeClock())
    assert operators.notify("a", "b", avoided=["mail"]) == ("slack",)
    slack.faults = [DeliveryError("away", permanent=False)]
    assert operators.notify("a", "b", avoided=["mail"]) == ("mail",)
    assert (len(mail.taken), len(slack.taken)) == (1, 1)


def test_without_an_operator_channel_nothing_is_sent_and_nothing_fails() -> None:
    with capture_logs() as entries:
        OperatorNotifier().notify("the state fails", "it is away")
    assert entries == []
