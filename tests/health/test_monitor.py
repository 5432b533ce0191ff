"""Operators hear of each problem once, from whichever sidecar and in whatever state of the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from support.fakes import NOW, FakeClock, ListedCounts, ListedEvents, RecordingChannel
from support.memory_state import MemoryState

from watcher.checkpoints.checkpoint import AddGaps, Begin
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.errors import DeliveryError, Overloaded
from watcher.health.activity import Activity
from watcher.health.cluster_clock import ClusterClock
from watcher.health.evidence import EvidenceReader
from watcher.health.monitor import HealthMonitor
from watcher.health.problem_record import ProblemRecord
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.notify.mail import MailChannel
from watcher.notify.operators import OperatorNotifier
from watcher.notify.renderer import Renderer
from watcher.ports import CreateResult, NewDocument, PartialUpdate, StoredDocument
from watcher.settings import Source
from watcher.state.leases import Leases
from watcher.state.state_documents import StateDocuments

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",), operator=True)
NAMES = ("delivery", "live-windows", "past-windows")
FAULT = Problem(kind=ProblemKind.RULE_FAULTS, subject="x.yml", title="`x.yml` does not run", message="x.yml:1: bad")


@dataclass
class BlockedState(MemoryState):
    """A state whose writes can be blocked."""

    blocked: bool = False

    def create(self, drafts: Sequence[NewDocument]) -> Sequence[CreateResult]:
        self.check()
        return super().create(drafts)

    def replace(self, stored: StoredDocument, document: object) -> bool:
        self.check()
        return super().replace(stored, document)  # type: ignore[arg-type] # as the port has it

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        self.check()
        return super().update(changes)

    def check(self) -> None:
        if self.blocked:
            raise Overloaded("writing is blocked")


@dataclass
class Fleet:
    """Sidecars on one state, with one mail channel for operators."""

    state: BlockedState = field(default_factory=BlockedState)
    clock: FakeClock = field(default_factory=FakeClock)
    mail: RecordingChannel = field(default_factory=lambda: RecordingChannel("mail"))
    events: ListedEvents = field(default_factory=ListedEvents)

    def sidecar(self, name: str, own: list[Problem] | None = None) -> HealthMonitor:
        documents = StateDocuments(self.state)
        leases = Leases(documents, self.clock, name, NAMES)
        reader = EvidenceReader(
            sources=(Source(silent_after="never"),),
            checkpoints=Checkpoints(documents),
            counts=ListedCounts(self.events),
            state=self.state,
            prefix="watcher",
            leases=NAMES,
            period=leases.period,
        )
        return HealthMonitor(
            leases=leases,
            activity=Activity(self.clock),
            reader=reader,
            record=ProblemRecord(documents),
            operators=OperatorNotifier(((MAIL, self.mail),), Renderer(), self.clock),
            clock=ClusterClock(self.clock, self.clock.now),
            own=lambda: tuple(own or ()),
        )

    def tick(self, *sidecars: HealthMonitor, seconds: float = 10) -> None:
        """Let every sidecar renew its leases and check, and let time pass."""
        for sidecar in sidecars:
            if not self.state.blocked:
                sidecar.leases.beat(now=self.clock.now())
            sidecar.check()
        self.clock.wait(seconds)

    @property
    def subjects(self) -> list[str]:
        return [notice.subject.removeprefix("[watcher] ") for notice in self.mail.taken]


def test_operators_hear_once_of_a_problem_of_two_sidecars_and_once_that_it_is_over() -> None:
    fleet, own = Fleet(), [FAULT]
    pair = (fleet.sidecar("a", own), fleet.sidecar("b", own))
    for _ in range(4):
        fleet.tick(*pair)
    assert fleet.subjects == ["`x.yml` does not run"]
    own.clear()
    for _ in range(4):
        fleet.tick(*pair)
    assert fleet.subjects == ["`x.yml` does not run", "over: `x.yml` does not run"]


def test_a_restarted_sidecar_does_not_repeat_a_notice() -> None:
    fleet = Fleet()
    first = fleet.sidecar("a", [FAULT])
    fleet.tick(first)
    second = fleet.sidecar("b", [FAULT])
    for _ in range(20):  # until the leases of the first expired
        fleet.tick(second)
    assert second.leases.holds("delivery")
    assert fleet.subjects == ["`x.yml` does not run"]


def test_a_blocked_state_is_heard_of_once_and_recorded_when_it_recovers() -> None:
    fleet = Fleet()
    own: list[Problem] = []
    pair = (fleet.sidecar("a", own), fleet.sidecar("b", own))
    fleet.tick(*pair)
    fleet.state.blocked = True
    own.append(Problem(kind=ProblemKind.STATE_NOT_WRITABLE, title="the state cannot be written", message="blocked"))
    for _ in range(6):
        fleet.tick(*pair)
    assert fleet.subjects == ["the state cannot be written"]
    fleet.state.blocked = False
    own.clear()
    for _ in range(8):
        fleet.tick(*pair)
    assert fleet.subjects == ["the state cannot be written", "over: the state cannot be written"]


def test_a_notice_that_no_channel_accepts_is_sent_again() -> None:
    fleet = Fleet()
    fleet.mail.faults = [DeliveryError("away", permanent=False)] * 2
    sidecar = fleet.sidecar("a", [FAULT])
    for _ in range(4):
        fleet.tick(sidecar)
    assert fleet.subjects == ["`x.yml` does not run"]


def test_a_source_that_its_holder_left_is_a_problem_that_another_sidecar_reports() -> None:
    fleet = Fleet()
    begin = Begin(since=NOW - timedelta(days=1), watermark=NOW)
    Checkpoints(StateDocuments(fleet.state)).apply("windows", (AddGaps(gaps=()),), now=NOW, begin=begin)
    sidecar = fleet.sidecar("a")
    for _ in range(60):  # it holds the leases, and its search never ends
        fleet.tick(sidecar)
    assert fleet.subjects == ["`windows` is far behind"]
    assert not sidecar.is_alerting


@pytest.mark.parametrize(("own", "alerting"), [([], True), ([FAULT], True)])
def test_alerts_reach_people_unless_a_problem_keeps_them(own: list[Problem], alerting: bool) -> None:  # noqa: FBT001 - a column of the table
    fleet = Fleet()
    sidecar = fleet.sidecar("a", own)
    assert not sidecar.is_alerting  # nothing was seen yet
    fleet.tick(sidecar)
    assert sidecar.is_alerting is alerting


def test_growing_counts_of_events_outside_the_span_are_one_notice() -> None:
    fleet = Fleet()
    documents = StateDocuments(fleet.state)
    begin = Begin(since=NOW - timedelta(days=1), watermark=NOW + timedelta(days=1))
    Checkpoints(documents).apply("windows", (AddGaps(gaps=()),), now=NOW, begin=begin)
    (stored,) = fleet.state.get([("watcher-state", "live-windows")])
    assert stored is not None
    body = {**stored.document["body"], "too_late": 5}
    assert fleet.state.replace(stored, {**stored.document, "body": body})
    sidecar = fleet.sidecar("a")
    for _ in range(5):
        fleet.tick(sidecar)
    assert fleet.subjects == ["events that no rule searches"]
    assert "5 more events of `windows` are older than 7 days" in fleet.mail.taken[0].bodies["text/plain"]
