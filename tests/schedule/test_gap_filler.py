"""Gaps are searched in bounded windows, and those that fail do not delay the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from support.fake_source import MINUTE, FakeSource, arriving
from support.fakes import NOW, ArrivingEvents, FakeClock

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import Gap
from watcher.errors import Forbidden, Overloaded, Refused, Unreachable
from watcher.model import Window
from watcher.settings import Source


@dataclass
class SearchedInParts(ArrivingEvents):
    """Events of which only the searches of short windows fail, as behind a proxy that cuts off what takes long."""

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        fails, window = self.fails, self.windows[-1]
        self.fails = fails if window.end - window.start <= timedelta(hours=1) else {}
        try:
            return super().counts(step)
        finally:
            self.fails = fails


def test_the_gaps_of_a_removed_rule_close_without_a_search() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=1), NOW)
    gone = Gap(window=Window(start=NOW - 60 * MINUTE, end=NOW - 50 * MINUTE), reason="", rules=("gone",), due=NOW)
    fake.store(Checkpoint(since=NOW - timedelta(days=1), watermark=NOW, gaps=(gone,)))
    assert fake.search.gaps.fill(MINUTE) == ()
    assert (fake.gaps(), fake.windows()) == ([], [])


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("oldest", [(-125, -95), (-95, -65), (-65, -35), (-35, -5)]),
        ("newest", [(-35, -5), (-65, -35), (-95, -65), (-125, -95)]),
    ],
)
def test_a_downtime_is_searched_in_bounded_slices_the_oldest_or_the_newest_first(
    which: str, expected: list[tuple[float, float]]
) -> None:
    source = Source(delay=timedelta(0), overlap=timedelta(minutes=5), slice=timedelta(minutes=30), catch_up=which)
    fake = FakeSource(source=source)
    fake.searched(NOW - timedelta(days=1), NOW - 120 * MINUTE)
    fake.search.live.advance()
    fake.windows()
    assert len(fake.search.gaps.fill(MINUTE)) == 4
    assert (fake.windows(), fake.gaps()) == (expected, [])


def test_a_slice_that_fails_repeatedly_does_not_delay_the_rest_of_its_gap() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=1), NOW - 120 * MINUTE)
    poison = NOW - 80 * MINUTE
    fake.events.fails[poison] = Overloaded("too much at once")
    fake.events.feed(arriving(1, NOW - 110 * MINUTE), arriving(2, NOW - 20 * MINUTE))
    fake.search.live.advance()
    done = fake.search.gaps.fill(MINUTE)
    assert (len(done), len(fake.ids("hits"))) == (3, 2)
    assert fake.gaps() == [(-95, -65, ())]
    assert fake.checkpoint.gaps[0].attempts == 1
    fake.windows()
    assert fake.search.gaps.fill(MINUTE) == ()  # not yet due
    assert fake.windows() == []
    del fake.events.fails[poison]
    fake.events.time += MINUTE
    assert len(fake.search.gaps.fill(MINUTE)) == 1
    assert fake.gaps() == []


def test_filling_stays_within_its_budget() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=2), NOW - timedelta(days=1))
    fake.search.live.advance()
    fake.search.gaps.clock = FakeClock(step=20)
    assert len(fake.search.gaps.fill(MINUTE)) == 2


@pytest.mark.parametrize("fault", [Unreachable("504"), Forbidden("one index"), Refused("null_pointer_exception")])
def test_a_part_that_is_never_answered_has_its_own_back_off(fault: Exception) -> None:
    """A proxy may cut off each search of one part: the others are searched, and late events found."""
    fake = FakeSource(events=SearchedInParts())
    fake.searched(NOW - timedelta(days=1), NOW - 120 * MINUTE)
    poison = NOW - 80 * MINUTE
    fake.events.feed(arriving(1, NOW - 110 * MINUTE), arriving(2, NOW - 20 * MINUTE))
    fake.search.live.advance()
    fake.events.fails[poison] = fault
    fake.events.feed(arriving(3, NOW - 300 * MINUTE))  # late
    fake.search.search_past()
    assert len(fake.ids("hits")) == 3
    assert fake.gaps() == [(-95, -65, ())]
    del fake.events.fails[poison]
    fake.events.time += MINUTE
    fake.search.search_past()
    assert fake.gaps() == []


def test_late_events_are_checked_where_no_part_of_a_gap_is_answered() -> None:
    fake = FakeSource(events=SearchedInParts())
    fake.searched(NOW - timedelta(days=1), NOW)
    poison = NOW - 80 * MINUTE
    gap = Gap(window=Window(start=NOW - 85 * MINUTE, end=NOW - 75 * MINUTE), reason="", due=NOW)
    fake.store(Checkpoint(since=NOW - timedelta(days=1), watermark=NOW, gaps=(gap,)))
    fake.events.fails[poison] = Unreachable("504")
    with pytest.raises(Unreachable):
        fake.search.search_past()
    assert fake.checkpoint.gaps[0].attempts == 1
    assert fake.checkpoint.last_late_check == NOW


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_a_part_that_always_fails_delays_no_other_part_after_a_long_outage(order: str) -> None:
    """All parts failed equally often during the outage, so that they were a single gap again."""
    source = Source(delay=timedelta(0), overlap=timedelta(minutes=5), slice=timedelta(minutes=30), catch_up=order)
    fake = FakeSource(source=source, events=SearchedInParts())
    fake.searched(NOW - timedelta(days=1), NOW)
    since, until = NOW - 120 * MINUTE, NOW - 30 * MINUTE
    gap = Gap(window=Window(start=since, end=until), reason="away", attempts=6, due=NOW)
    fake.store(Checkpoint(since=NOW - timedelta(days=1), watermark=NOW, gaps=(gap,)))
    poison = since + MINUTE if order == "oldest" else until - MINUTE
    fake.events.fails[poison] = Unreachable("504")
    fake.search.gaps.fill(MINUTE)
    assert fake.gaps() == ([(-120, -90, ())] if order == "oldest" else [(-60, -30, ())])
