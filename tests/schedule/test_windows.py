"""Which windows are due: arithmetic without a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from watcher.model import Window
from watcher.schedule import windows
from watcher.settings import Source

ZERO = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE = Source(delay=timedelta(seconds=30), overlap=timedelta(minutes=5), slice=timedelta(hours=1))


def minutes(window: Window) -> tuple[float, float]:
    """Write a window as minutes since the beginning of time."""
    return (window.start - ZERO) / timedelta(minutes=1), (window.end - ZERO) / timedelta(minutes=1)


def due(*, covered: float | None, now: float, source: Source = SOURCE) -> list[tuple[float, float]]:
    """Tell the windows that are due, all in minutes."""
    at = None if covered is None else ZERO + timedelta(minutes=covered)
    return [minutes(one) for one in windows(source, covered=at, now=ZERO + timedelta(minutes=now))]


CASES = [
    # a first start begins an overlap before the newest moment that may be complete
    (None, 10.5, [(5, 10)]),
    # the usual tick: a minute more, and an overlap back
    (10, 11.5, [(5, 11)]),
    # searched up to now already: the overlap alone is searched again
    (10, 10.5, [(5, 10)]),
    # two hours behind: slices, none longer than the longest, each beginning where the one before ended
    (10, 130.5, [(5, 65), (65, 125), (125, 130)]),
    # just one slice
    (10, 65.5, [(5, 65)]),
    # the clock went back an hour: the overlap before the new now, nothing in the future
    (100, 40.5, [(35, 40)]),
    # the clock went back by less than the overlap
    (10, 8.5, [(3, 8)]),
]


@pytest.mark.parametrize(("covered", "now", "expected"), CASES)
def test_what_is_due(covered: float | None, now: float, expected: list[tuple[float, float]]) -> None:
    assert due(covered=covered, now=now) == expected


def test_a_first_start_begins_where_settings_say() -> None:
    source = Source(delay=timedelta(0), start=ZERO + timedelta(minutes=3), slice=timedelta(minutes=60))
    assert due(covered=None, now=10, source=source) == [(3, 10)]
    assert due(covered=8, now=10, source=source) == [(3, 10)]


def test_a_start_in_the_future_searches_nothing_yet() -> None:
    source = Source(delay=timedelta(0), start=ZERO + timedelta(minutes=30))
    assert due(covered=None, now=10, source=source) == []


def test_without_overlap_and_news_nothing_is_due() -> None:
    source = Source(delay=timedelta(0), overlap=timedelta(0))
    assert due(covered=10, now=10, source=source) == []
    assert due(covered=10, now=10.5, source=source) == [(10, 10.5)]


def test_a_slice_shorter_than_the_overlap_still_gets_ahead() -> None:
    source = Source(delay=timedelta(0), overlap=timedelta(minutes=5), slice=timedelta(minutes=1))
    ends = [end for _, end in due(covered=10, now=30, source=source)]
    assert ends[0] > 10
    assert ends[-1] == 30


@pytest.mark.parametrize("covered", [None, *range(0, 200, 7)])
def test_windows_touch_end_at_now_less_delay_and_leave_no_gap(covered: int | None) -> None:
    made = due(covered=covered, now=180.5)
    assert made[-1][1] == 180
    assert all(before[1] == after[0] for before, after in pairwise(made))
    assert covered is None or made[0][0] <= covered
