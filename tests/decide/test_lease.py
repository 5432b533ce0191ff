"""Several sidecars on one state, each with a clock of its own: every work is done by one of them, and soon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from support.fakes import NOW, FakeClock, MemoryState

from watcher.errors import Unreachable
from watcher.ports import PartialUpdate, StoredDocument
from watcher.state.leases import Leases, lease_holders
from watcher.state.state_documents import StateDocuments

WORKS = ("delivery", *(f"{kind}-{source}" for source in ("a", "b", "c", "d") for kind in ("live", "past")))
PERIOD = timedelta(seconds=30)
BEAT = 10.0


@dataclass
class Crowd:
    """Some sidecars on one state; their clocks show different times and go equally fast."""

    state: MemoryState = field(default_factory=MemoryState)
    clocks: list[FakeClock] = field(default_factory=list)
    leases: list[Leases] = field(default_factory=list)
    away: set[int] = field(default_factory=set)  # killed or paused: they do not beat
    most: int = 0  # holders of one work that were seen at once

    def join(self) -> Leases:
        """Let one more begin."""
        number = len(self.leases)
        self.clocks.append(FakeClock(at=1_000.0 * number))
        self.leases.append(Leases(StateDocuments(self.state), self.clocks[-1], f"m{number}", WORKS, PERIOD))
        self.leases[-1].beat(now=NOW)
        return self.leases[-1]

    def pass_time(self, seconds: float) -> None:
        """Let time pass for all, second by second; who is there beats as often as it should, not all at once."""
        for _ in range(round(seconds)):
            for number, clock in enumerate(self.clocks):
                clock.at += 1
                if clock.at % BEAT == number % BEAT and number not in self.away:
                    self.leases[number].beat(now=NOW)
            self.most = max(self.most, *(len(self.doing(work)) for work in WORKS))

    def doing(self, work: str) -> list[int]:
        """Name who would do a work at this moment."""
        return [number for number, one in enumerate(self.leases) if one.holds(work)]

    def shares(self) -> dict[str, list[int]]:
        """Tell who does what."""
        return {work: self.doing(work) for work in WORKS}

    def all_done(self) -> bool:
        """Tell whether every work is done by somebody."""
        return all(self.shares().values())


def crowd(size: int) -> Crowd:
    """Let some sidecars begin and settle."""
    made = Crowd()
    for _ in range(size):
        made.join()
    made.pass_time(40)
    assert made.all_done()
    return made


def test_one_alone_does_everything_at_once() -> None:
    alone = Crowd().join()
    assert set(alone.held) == set(WORKS)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_every_work_is_done_by_one_and_most_have_a_share(size: int) -> None:
    made = crowd(size)
    made.pass_time(300)
    assert all(len(doing) == 1 for doing in made.shares().values())
    assert made.most == 1
    assert len({doing[0] for doing in made.shares().values()}) > 1


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("gone", [0, 1])
def test_what_a_killed_one_did_is_taken_over_within_two_periods(size: int, gone: int) -> None:
    made = crowd(size)
    made.away.add(gone)
    left = made.leases[gone].held
    assert left
    waited = 0
    while not all(set(made.doing(work)) - {gone} for work in WORKS):
        made.pass_time(1)
        waited += 1
        assert waited <= 2 * PERIOD.total_seconds()
    assert waited >= PERIOD.total_seconds() - BEAT
    assert made.most == 1


def test_a_newcomer_moves_only_its_share() -> None:
    made = crowd(3)
    before = made.shares()
    made.join()
    made.pass_time(40)
    moved = {work for work in WORKS if made.shares()[work] != before[work]}
    assert all(made.shares()[work] == [3] for work in moved)
    assert made.most == 1
    assert 0 < len(moved) < len(WORKS)


def test_who_leaves_gives_everything_away_at_once() -> None:
    made = crowd(2)
    made.leases[0].leave(now=NOW)
    made.away.add(0)
    assert made.leases[0].held == ()
    made.pass_time(2 * BEAT)
    assert set(made.leases[1].held) == set(WORKS)
    assert set(lease_holders(StateDocuments(made.state), WORKS).values()) == {"m1"}


def test_a_paused_one_that_wakes_up_late_holds_nothing_any_more_and_takes_nothing_back_by_force() -> None:
    made = crowd(2)
    made.away.add(0)
    held = made.leases[0].held
    made.pass_time(PERIOD.total_seconds())
    assert made.leases[0].held == ()  # by its own clock, before it asked anybody
    made.pass_time(PERIOD.total_seconds())
    made.away.clear()
    made.pass_time(60)
    assert made.most == 1
    assert set(made.leases[0].held) == set(held)  # its share, given back by the other


@dataclass
class SlowState(MemoryState):
    """A state whose readings take four seconds once it is told to, and see what is there when they end."""

    clock: FakeClock | None = None
    meanwhile: list[Callable[[], None]] = field(
        default_factory=list
    )  # what others do during the next reading of leases

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        if self.clock is not None and keys[0][1].startswith("lease"):
            clock, self.clock = self.clock, None
            clock.at += 4
            for act in self.meanwhile:
                act()
        return super().get(keys)


def test_a_holder_counts_from_before_its_renewal_was_sent() -> None:
    state, clock = SlowState(), FakeClock()
    one = Leases(StateDocuments(state), clock, "m0", WORKS, PERIOD)
    one.beat(now=NOW)
    state.clock = clock
    one.beat(now=NOW)
    assert clock.at == 4
    clock.at = PERIOD.total_seconds() - 1
    assert set(one.held) == set(WORKS)
    clock.at = PERIOD.total_seconds()
    assert one.held == ()


def test_the_silence_of_a_holder_is_timed_from_after_it_was_read() -> None:
    """What another wrote while a slow reading was under way is not taken for older than it is."""
    state, clock = SlowState(), FakeClock()
    holder = Leases(StateDocuments(state), clock, "m0", WORKS, PERIOD)
    holder.beat(now=NOW)
    other = Leases(StateDocuments(state), clock, "m1", WORKS, PERIOD)
    state.clock, state.meanwhile = clock, [lambda: holder.beat(now=NOW)]
    other.beat(now=NOW)
    kept = set(holder.held)
    assert kept  # what the newcomer does not want
    for at in (31, 33):
        clock.at = at
        other.beat(now=NOW)
        assert not set(holder.held) & set(other.held)
    clock.at = 34
    other.beat(now=NOW)
    assert set(other.held) == set(WORKS)


@dataclass
class ContestedState(MemoryState):
    """A state in which somebody else writes between a reading and the writing after it."""

    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().update(changes)


def test_a_lease_that_another_took_between_reading_and_renewing_is_lost_and_said_to_be() -> None:
    state, clock = ContestedState(), FakeClock()
    paused = Leases(StateDocuments(state), clock, "m0", WORKS, PERIOD)
    paused.beat(now=NOW)
    stored = state.documents["watcher-state", "lease-delivery"]
    others = {"holder": "m1", "epoch": 2, "beat": 0}
    state.meanwhile.append(lambda: state.replace(stored, {**stored.document, "body": others}) and None)
    clock.at = PERIOD.total_seconds() - 1
    with capture_logs() as said:
        paused.beat(now=NOW)
    assert set(paused.held) == set(WORKS) - {"delivery"}
    assert [one["work"] for one in said if one["event"] == "lease.lost"] == ["delivery"]
    assert lease_holders(StateDocuments(state), WORKS)["delivery"] == "m1"


class Away(MemoryState):
    """A state that is away now and then."""

    there = True

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        if not self.there:
            raise Unreachable("the state is away")
        return super().get(keys)


def test_where_the_state_is_away_a_lease_lasts_to_its_end_and_comes_back_with_the_state() -> None:
    state, clock = Away(), FakeClock()
    one = Leases(StateDocuments(state), clock, "m0", WORKS, PERIOD)
    one.beat(now=NOW)
    state.there = False
    clock.at += BEAT
    with pytest.raises(Unreachable):
        one.beat(now=NOW)
    assert set(one.held) == set(WORKS)
    clock.at += PERIOD.total_seconds()
    assert one.held == ()
    state.there = True
    one.beat(now=NOW)
    assert set(one.held) == set(WORKS)


def test_a_state_that_was_deleted_is_shared_anew() -> None:
    made = crowd(2)
    made.state.documents.clear()
    made.pass_time(60)
    assert made.all_done()
    made.most = 0
    made.pass_time(60)
    assert made.most == 1


def test_a_member_that_is_gone_is_taken_off_the_list() -> None:
    made = crowd(2)
    made.away.add(0)
    made.pass_time(5 * PERIOD.total_seconds())
    listed = made.state.documents["watcher-state", "members"].document["body"]["names"]
    assert listed == ["m1"]
