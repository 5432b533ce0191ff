"""Several sidecars on one state, each with its own clock: every lease is held by exactly one of them, and soon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from support.fakes import NOW, FakeClock
from support.memory_state import MemoryDocuments

from watcher.errors import Unreachable
from watcher.ports import PartialUpdate, StoredDocument
from watcher.state.leases import Leases, lease_holders
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import format_timestamp

LEASES = ("delivery", *(f"{kind}-{source}" for source in ("a", "b", "c", "d") for kind in ("live", "past")))
PERIOD = timedelta(seconds=30)
BEAT = 10.0


def member_of(state: MemoryDocuments, clock: FakeClock, name: str) -> Leases:
    """Create a member on a state, by its own clock."""
    return Leases(StateDocuments(state), clock, name, LEASES, PERIOD)


@dataclass
class Fleet:
    """Sidecars on one state; their clocks show different times and run equally fast."""

    state: MemoryDocuments = field(default_factory=MemoryDocuments)
    clocks: list[FakeClock] = field(default_factory=list)
    members: list[Leases] = field(default_factory=list)
    away: set[int] = field(default_factory=set)  # killed or paused: they do not beat
    most: int = 0  # holders of one lease at the same time

    def join(self) -> Leases:
        """Start one more sidecar."""
        number = len(self.members)
        self.clocks.append(FakeClock(at=1_000.0 * number))
        self.members.append(member_of(self.state, self.clocks[-1], f"m{number}"))
        self.members[-1].beat(now=NOW)
        return self.members[-1]

    def pass_time(self, seconds: float) -> None:
        """Let time pass for all, second by second; those that run beat on time, not all at once."""
        for _ in range(round(seconds)):
            for number, clock in enumerate(self.clocks):
                clock.at += 1
                if clock.at % BEAT == number % BEAT and number not in self.away:
                    self.members[number].beat(now=NOW)
            self.most = max(self.most, *(len(self.holders(lease)) for lease in LEASES))

    def holders(self, lease: str) -> list[int]:
        """Return which sidecars hold a lease at the moment."""
        return [number for number, member in enumerate(self.members) if member.holds(lease)]

    def shares(self) -> dict[str, list[int]]:
        """Return the holders of each lease."""
        return {lease: self.holders(lease) for lease in LEASES}

    def all_held(self) -> bool:
        """Whether every lease is held."""
        return all(self.shares().values())


def fleet_of(size: int) -> Fleet:
    """Start sidecars and wait until every lease is held."""
    fleet = Fleet()
    for _ in range(size):
        fleet.join()
    fleet.pass_time(40)
    assert fleet.all_held()
    return fleet


def test_a_single_sidecar_holds_every_lease_at_once() -> None:
    alone = Fleet().join()
    assert set(alone.held) == set(LEASES)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_every_lease_has_one_holder_and_most_sidecars_have_a_share(size: int) -> None:
    fleet = fleet_of(size)
    fleet.pass_time(300)
    assert all(len(holders) == 1 for holders in fleet.shares().values())
    assert fleet.most == 1
    assert len({holders[0] for holders in fleet.shares().values()}) > 1


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("gone", [0, 1])
def test_the_leases_of_a_killed_sidecar_are_taken_over_within_two_periods(size: int, gone: int) -> None:
    fleet = fleet_of(size)
    fleet.away.add(gone)
    left = fleet.members[gone].held
    assert left
    waited = 0
    while not all(set(fleet.holders(lease)) - {gone} for lease in LEASES):
        fleet.pass_time(1)
        waited += 1
        assert waited <= 2 * PERIOD.total_seconds()
    assert waited >= PERIOD.total_seconds() - BEAT
    assert fleet.most == 1


def test_a_new_member_moves_only_its_share() -> None:
    fleet = fleet_of(3)
    before = fleet.shares()
    fleet.join()
    fleet.pass_time(40)
    moved = {lease for lease in LEASES if fleet.shares()[lease] != before[lease]}
    assert all(fleet.shares()[lease] == [3] for lease in moved)
    assert fleet.most == 1
    assert 0 < len(moved) < len(LEASES)


def test_a_member_that_leaves_releases_its_leases_at_once() -> None:
    fleet = fleet_of(2)
    fleet.members[0].leave(now=NOW)
    fleet.away.add(0)
    assert fleet.members[0].held == ()
    fleet.pass_time(2 * BEAT)
    assert set(fleet.members[1].held) == set(LEASES)
    assert set(lease_holders(StateDocuments(fleet.state), LEASES).values()) == {"m1"}


def test_a_paused_sidecar_that_resumes_late_holds_nothing_and_takes_nothing_back_by_force() -> None:
    fleet = fleet_of(2)
    fleet.away.add(0)
    held = fleet.members[0].held
    fleet.pass_time(PERIOD.total_seconds())
    assert fleet.members[0].held == ()  # by its own clock, before any request
    fleet.pass_time(PERIOD.total_seconds())
    fleet.away.clear()
    fleet.pass_time(60)
    assert fleet.most == 1
    assert set(fleet.members[0].held) == set(held)  # its share, released by the other


@dataclass
class SlowState(MemoryDocuments):
    """A state where the next reading of leases takes four seconds, and returns what is stored at its end."""

    clock: FakeClock | None = None
    meanwhile: list[Callable[[], None]] = field(
        default_factory=list
    )  # calls of others during the next reading of leases

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        if self.clock is not None and keys[0][1].startswith("lease"):
            clock, self.clock = self.clock, None
            clock.at += 4
            for call in self.meanwhile:
                call()
        return super().get(keys)


def test_a_holder_counts_from_before_its_renewal_was_sent() -> None:
    state, clock = SlowState(), FakeClock()
    member = member_of(state, clock, "m0")
    member.beat(now=NOW)
    state.clock = clock
    member.beat(now=NOW)
    assert clock.at == 4
    clock.at = PERIOD.total_seconds() - 1
    assert set(member.held) == set(LEASES)
    clock.at = PERIOD.total_seconds()
    assert member.held == ()


def test_the_silence_of_a_holder_is_timed_from_after_it_was_read() -> None:
    """A document that changed during a slow reading does not count as older than it is."""
    state, clock = SlowState(), FakeClock()
    holder = member_of(state, clock, "m0")
    holder.beat(now=NOW)
    other = member_of(state, clock, "m1")
    state.clock, state.meanwhile = clock, [lambda: holder.beat(now=NOW)]
    other.beat(now=NOW)
    remaining = set(holder.held)
    assert remaining  # that the new member should not hold
    for at in (31, 33):
        clock.at = at
        other.beat(now=NOW)
        assert not set(holder.held) & set(other.held)
    clock.at = 34
    other.beat(now=NOW)
    assert set(other.held) == set(LEASES)


@dataclass
class ContestedState(MemoryDocuments):
    """A state where another sidecar writes between a reading and the write that follows."""

    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().update(changes)


def test_a_lease_that_another_took_between_reading_and_renewing_is_lost_and_logged() -> None:
    state, clock = ContestedState(), FakeClock()
    paused = member_of(state, clock, "m0")
    paused.beat(now=NOW)
    stored = state.documents["watcher-state", "lease-delivery"]
    others = {"holder": "m1", "epoch": 2, "beat": 0}
    state.meanwhile.append(lambda: state.replace(stored, {**stored.document, "body": others}) and None)
    clock.at = PERIOD.total_seconds() - 1
    with capture_logs() as entries:
        paused.beat(now=NOW)
    assert set(paused.held) == set(LEASES) - {"delivery"}
    assert [entry["lease"] for entry in entries if entry["event"] == "lease.lost"] == ["delivery"]
    assert lease_holders(StateDocuments(state), LEASES)["delivery"] == "m1"


class UnreachableState(MemoryDocuments):
    """A state that can be unreachable."""

    reachable = True

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        if not self.reachable:
            raise Unreachable("the state is away")
        return super().get(keys)


def test_without_the_state_a_lease_lasts_until_it_expires_and_returns_with_the_state() -> None:
    state, clock = UnreachableState(), FakeClock()
    member = member_of(state, clock, "m0")
    member.beat(now=NOW)
    state.reachable = False
    clock.at += BEAT
    with pytest.raises(Unreachable):
        member.beat(now=NOW)
    assert set(member.held) == set(LEASES)
    clock.at += PERIOD.total_seconds()
    assert member.held == ()
    state.reachable = True
    member.beat(now=NOW)
    assert set(member.held) == set(LEASES)


def test_the_leases_of_a_deleted_state_are_taken_anew() -> None:
    fleet = fleet_of(2)
    fleet.state.documents.clear()
    fleet.pass_time(60)
    assert fleet.all_held()
    fleet.most = 0
    fleet.pass_time(60)
    assert fleet.most == 1


def test_a_silent_member_is_removed_from_the_list() -> None:
    fleet = fleet_of(2)
    fleet.away.add(0)
    fleet.pass_time(5 * PERIOD.total_seconds())
    listed = fleet.state.documents["watcher-state", "members"].document["body"]["names"]
    assert listed == ["m1"]


def beating(clock: FakeClock, *members: Leases, beats: int = 8) -> None:
    """Let members beat together."""
    for _ in range(beats):
        clock.at += BEAT
        for member in members:
            member.beat(now=NOW)


def test_a_member_that_lacks_a_channel_leaves_its_lease_to_those_that_have_it() -> None:
    state, clock = MemoryDocuments(), FakeClock()
    channels = tuple(f"delivery-{number}" for number in range(12))
    has_all = Leases(StateDocuments(state), clock, "all", ("delivery", *channels), PERIOD)
    lacks = Leases(StateDocuments(state), clock, "lacks", ("delivery", *channels[:6], "delivery-own"), PERIOD)
    beating(clock, has_all, lacks)
    assert set(channels[6:]) <= set(has_all.held)
    assert "delivery-own" in lacks.held
    assert set(has_all.held) | set(lacks.held) == {"delivery", *channels, "delivery-own"}
    assert set(has_all.held) & set(lacks.held) == set()
    assert set(lacks.held) & set(channels)


def test_searches_go_to_the_member_that_has_every_channel() -> None:
    state, clock = MemoryDocuments(), FakeClock()
    searches = tuple(f"live-{number}" for number in range(12))
    names = ("delivery", "delivery-mail", *searches)
    documents = StateDocuments(state)
    lacks = Leases(documents, clock, "lacks", names, PERIOD, for_complete=searches)
    beating(clock, lacks)
    assert set(lacks.held) == set(names)
    has_all = Leases(documents, clock, "all", (*names, "delivery-slack"), PERIOD, for_complete=searches)
    beating(clock, has_all, lacks)
    assert {*searches, "delivery-slack"} <= set(has_all.held)
    other = Leases(documents, clock, "other", (*names, "delivery-pager"), PERIOD, for_complete=searches)
    beating(clock, has_all, lacks, other)
    assert set(searches) & set(has_all.held)
    assert set(searches) & set(other.held)
    assert not set(searches) & set(lacks.held)


def test_a_member_of_a_version_that_does_not_list_its_leases_keeps_its_share() -> None:
    state, clock = MemoryDocuments(), FakeClock()
    members = [Leases(StateDocuments(state), clock, name, LEASES, PERIOD) for name in ("m0", "m1")]
    beating(clock, *members)
    shares = [set(member.held) for member in members]
    stored = state.documents["watcher-state", "member-m1"]
    state.put(stored.index, stored.id, {**stored.document, "body": {"beat": 99}}, stored.seq_no + 1)
    members[0].beat(now=NOW)
    assert set(members[0].held) == shares[0]


def test_a_profile_is_published_with_the_time_of_its_last_change() -> None:
    state, clock, profile = MemoryDocuments(), FakeClock(), {"rules": "a"}
    member = Leases(StateDocuments(state), clock, "m0", LEASES, PERIOD, profile=lambda: dict(profile))
    member.beat(now=NOW)
    member.beat(now=NOW + timedelta(minutes=1))
    first = state.documents["watcher-state", "member-m0"].document["body"]
    assert (first["profile"], first["profile_since"]) == ({"rules": "a"}, format_timestamp(NOW))
    assert first["leases"] == list(LEASES)
    profile["rules"] = "b"
    member.beat(now=NOW + timedelta(minutes=2))
    second = state.documents["watcher-state", "member-m0"].document["body"]
    assert second["profile_since"] == format_timestamp(NOW + timedelta(minutes=2))
