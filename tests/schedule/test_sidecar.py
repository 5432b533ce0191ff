"""A running watcher: one trouble keeps no other work from its turn, and operators hear of what lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from support.fakes import NOW, FakeClock, ListedEvents, MemoryState, RecordingChannel, event_document, rule

from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.clock import SystemClock
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.errors import DeliveryError, Unexpected, Unreachable
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.operators import Operators
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


def search_of(events: ListedEvents, state: MemoryState) -> SourceSearch:
    """Create the searches of a source with one rule, on fakes."""
    watched = prepare_rule(rule(), rule_settings(rule(), Settings()), SOURCE)
    detector = Detector(source=SOURCE, events=events, alert_store=AlertStore(state), rules=(watched,))
    return source_search(detector, Checkpoints(StateDocuments(state)))


def dispatcher(state: MemoryState) -> Dispatcher:
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
    """A cluster that is away."""

    def mapping(self, pattern: str, paths: object) -> Mapping[str, object]:  # type: ignore[override] # it never answers
        raise Unreachable(f"`{pattern}` is away: {bool(paths)}")


def test_one_source_that_is_away_keeps_no_other_from_its_turn() -> None:
    state = MemoryState()
    sidecar = Sidecar(
        searches=(search_of(Down(), state), search_of(ListedEvents([event_document()]), state)),
        delivery=dispatcher(state),
    )
    with pytest.raises(Unreachable):
        sidecar.once()
    assert any(index.startswith("watcher-hits-") for index, _ in state.documents)


@pytest.mark.parametrize("fault", [RecursionError("too deep"), KeyError("hits")])
def test_an_error_that_is_in_no_plan_keeps_no_other_source_from_its_turn(fault: Exception) -> None:
    class Poisoned(ListedEvents):
        def counts(self, step: timedelta) -> Mapping[datetime, int]:
            assert step
            raise fault

    state = MemoryState()
    searches = (search_of(Poisoned(), MemoryState()), search_of(ListedEvents([event_document()]), state))
    with pytest.raises((Unexpected, type(fault))):
        Sidecar(searches=searches, delivery=dispatcher(state)).once()
    assert any(index.startswith("watcher-hits-") for index, _ in state.documents)


def test_a_sidecar_works_as_soon_as_it_runs_and_gives_its_leases_away_when_it_stops() -> None:
    state, stop = MemoryState(), threading.Event()
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


# --------------------------------------------------------------------------- patience


@dataclass
class Works:
    """Some work that fails as often as it is told."""

    faults: list[Exception] = field(default_factory=list)
    calls: int = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)


def tries(patient: BackoffJob, work: Works, calls: int) -> list[int]:
    """Tell of some calls which ones did the work."""
    made = []
    for _ in range(calls):
        before = work.calls
        patient()
        made.append(work.calls - before)
    return made


def test_what_fails_again_and_again_is_tried_less_often_and_goes_on_when_it_works() -> None:
    work = Works([Unreachable("away")] * 3)
    patient = BackoffJob("source", work)
    assert tries(patient, work, 9) == [1, 1, 0, 1, 0, 0, 0, 1, 1]
    assert patient.failures == 0


def test_what_fails_for_ever_is_still_tried() -> None:
    work = Works([Unreachable("away")] * 10_000)
    patient = BackoffJob("source", work)
    assert sum(tries(patient, work, 2_000)) >= 2_000 / 5


def test_leases_are_renewed_every_time() -> None:
    work = Works([Unreachable("away")] * 9)
    assert tries(BackoffJob("leases", work, backoff=_NO_BACKOFF), work, 10) == [1] * 10


def test_an_unexpected_error_ends_no_schedule() -> None:
    work = Works([ZeroDivisionError(), ZeroDivisionError()])
    patient = BackoffJob("source", work)
    tries(patient, work, 2)
    assert patient.failures == 2


def told_operators(mail: RecordingChannel) -> Operators:
    """Tell operators by a mail."""
    return Operators(((MAIL, mail),), Renderer(), FakeClock())


FAULTS: list[Callable[[], Exception]] = [lambda: Unreachable("away"), ZeroDivisionError]


@pytest.mark.parametrize("fault", FAULTS)
def test_operators_are_told_once_after_three_failures_and_once_when_it_works_again(
    fault: Callable[[], Exception],
) -> None:
    mail = RecordingChannel("mail")
    work = Works([fault() for _ in range(6)])
    patient = BackoffJob("source windows", work, told_operators(mail))
    while work.calls < 2:
        patient()
    assert mail.taken == []
    tries(patient, work, 60)
    words = ("source windows fails", "source windows works again")
    assert [text for one in mail.taken for text in words if text in one.subject] == list(words)


def test_two_failures_are_nobody_s_business() -> None:
    mail = RecordingChannel("mail")
    work = Works([Unreachable("away")] * 2)
    tries(BackoffJob("source", work, told_operators(mail)), work, 10)
    assert mail.taken == []


def test_to_be_asked_to_end_is_no_failure() -> None:
    work = Works([Stopped()] * 5)
    patient = BackoffJob("source", work)
    assert tries(patient, work, 5) == [1] * 5
    assert patient.failures == 0


def test_work_whose_lease_ran_out_is_neither_done_nor_taken_to_work_again() -> None:
    mail, ours = RecordingChannel("mail"), [True]
    work = Works([Unreachable("away")] * 3)
    patient = BackoffJob("source", work, told_operators(mail), holds_lease=lambda: ours[0])
    tries(patient, work, 4)
    assert len(mail.taken) == 1
    ours[0] = False
    assert tries(patient, work, 20) == [0] * 20
    assert len(mail.taken) == 1
    ours[0] = True
    tries(patient, work, 10)
    assert len(mail.taken) == 2


# --------------------------------------------------------------------------- operators


@pytest.mark.parametrize("fault", [DeliveryError("451 later", permanent=False), ZeroDivisionError("secret")])
def test_one_operator_s_channel_in_trouble_hides_no_other(fault: Exception) -> None:
    first, second = RecordingChannel("mail", faults=[fault]), RecordingChannel("mail")
    Operators(((MAIL, first), (MAIL, second)), Renderer(), FakeClock()).tell("the state fails", "it is <away>")
    assert (first.taken, len(second.taken)) == ([], 1)
    (notice,) = second.taken
    assert "the state fails" in notice.subject
    assert "<away>" not in notice.bodies["text/html"]


def test_nobody_is_told_where_no_channel_is_an_operator_s() -> None:
    Operators().tell("x", "y")
