"""Gaps are searched in bounded windows, and those that fail do not delay the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.fake_source import MINUTE, FakeSource, arriving
from support.fakes import NOW, FakeClock

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import Gap
from watcher.errors import Overloaded
from watcher.model import Window
from watcher.settings import Source


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
