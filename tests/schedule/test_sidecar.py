"""A running sidecar: a failure does not delay other jobs, and operators are notified of lasting ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs
from support.fakes import NOW, FakeClock, ListedCounts, ListedEvents, RecordingChannel, event_document, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.clock import SystemClock
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.errors import DeliveryError, Unexpected, Unreachable
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.operators import OperatorNotifier
from watcher.notify.renderer import Renderer
from watcher.pipeline import Detector, Dispatcher, Stopped, prepare_rule
from watcher.schedule import DELIVERY, Sidecar, SourceSearch, live_lease, past_lease, source_search
from watcher.schedule.sidecar import _NO_BACKOFF, BackoffJob
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
        channels={},
        renderer=Renderer(),
        links=Links(),
        now=lambda: NOW,
    )


class Down(ListedEvents):
    """A cluster that is unreachable."""

    def mapping(self, pattern: str, paths: object) -> Mapping[str, object]:  # type: ignore[override] # it never answers
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
    job = BackoffJob("source", work)
    assert calls_of_work(job, work, 9) == [1, 1, 0, 1, 0, 0, 0, 1, 1]
    assert job.failures == 0


def test_permanent_failures_are_still_tried() -> None:
    work = FailingWork([Unreachable("away")] * 10_000)
    job = BackoffJob("source", work)
    assert sum(calls_of_work(job, work, 2_000)) >= 2_000 / 5


def test_leases_are_renewed_every_time() -> None:
    work = FailingWork([Unreachable("away")] * 9)
    assert calls_of_work(BackoffJob("leases", work, backoff=_NO_BACKOFF), work, 10) == [1] * 10


def test_an_unexpected_error_counts_as_a_failure() -> None:
    work = FailingWork([ZeroDivisionError(), ZeroDivisionError()])
    job = BackoffJob("source", work)
    calls_of_work(job, work, 2)
    assert job.failures == 2


def operators_of(mail: RecordingChannel) -> OperatorNotifier:
    """Return operators with a mail channel."""
    return OperatorNotifier(((MAIL, mail),), Renderer(), FakeClock())


FAULTS: list[Callable[[], Exception]] = [lambda: Unreachable("away"), ZeroDivisionError]


@pytest.mark.parametrize("fault", FAULTS)
def test_operators_are_notified_once_after_three_failures_and_once_after_recovery(
    fault: Callable[[], Exception],
) -> None:
    mail = RecordingChannel("mail")
    work = FailingWork([fault() for _ in range(6)])
    job = BackoffJob("source windows", work, operators_of(mail))
    while work.calls < 2:
        job()
    assert mail.taken == []
    calls_of_work(job, work, 60)
    words = ("source windows fails", "source windows works again")
    assert [text for notice in mail.taken for text in words if text in notice.subject] == list(words)


def test_two_failures_notify_nobody() -> None:
    mail = RecordingChannel("mail")
    work = FailingWork([Unreachable("away")] * 2)
    calls_of_work(BackoffJob("source", work, operators_of(mail)), work, 10)
    assert mail.taken == []


def test_being_stopped_is_no_failure() -> None:
    work = FailingWork([Stopped()] * 5)
    job = BackoffJob("source", work)
    assert calls_of_work(job, work, 5) == [1] * 5
    assert job.failures == 0


def test_without_its_lease_a_job_is_not_done_and_has_not_recovered() -> None:
    mail, ours = RecordingChannel("mail"), [True]
    work = FailingWork([Unreachable("away")] * 3)
    job = BackoffJob("source", work, operators_of(mail), holds_lease=lambda: ours[0])
    calls_of_work(job, work, 4)
    assert len(mail.taken) == 1
    ours[0] = False
    assert calls_of_work(job, work, 20) == [0] * 20
    assert len(mail.taken) == 1
    ours[0] = True
    calls_of_work(job, work, 10)
    assert len(mail.taken) == 2


# --------------------------------------------------------------------------- operators


@pytest.mark.parametrize("fault", [DeliveryError("451 later", permanent=False), ZeroDivisionError("secret")])
def test_one_operator_s_channel_in_trouble_hides_no_other(fault: Exception) -> None:
    first, second = RecordingChannel("mail", faults=[fault]), RecordingChannel("mail")
    OperatorNotifier(((MAIL, first), (MAIL, second)), Renderer(), FakeClock()).notify("the state fails", "it is <away>")
    assert (first.taken, len(second.taken)) == ([], 1)
    (notice,) = second.taken
    assert "the state fails" in notice.subject
    assert "<away>" not in notice.bodies["text/html"]


def test_without_an_operator_channel_nothing_is_sent_and_nothing_fails() -> None:
    with capture_logs() as entries:
        OperatorNotifier().notify("the state fails", "it is away")
    assert entries == []
