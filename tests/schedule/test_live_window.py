"""Which window is due: arithmetic without a clock, near the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import slice_floor
from watcher.model import Window
from watcher.schedule.live_window import due_window
from watcher.settings import Source

ZERO = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE = Source(delay=timedelta(seconds=30), overlap=timedelta(minutes=5), slice=timedelta(hours=1))


def at(minutes: float) -> datetime:
    """Return a time by its minutes since the epoch."""
    return ZERO + timedelta(minutes=minutes)


def due(checkpoint: tuple[float, float] | None, now: float, source: Source = SOURCE) -> tuple[float, ...] | None:
    """Return what is due, in minutes: the window, and the span that is skipped before it."""
    stored = None if checkpoint is None else Checkpoint(since=at(checkpoint[0]), watermark=at(checkpoint[1]))
    due_now = due_window(source, stored, at(now))
    if due_now is None:
        return None
    spans = (due_now.window,) if due_now.skipped is None else (due_now.window, due_now.skipped)
    return tuple((edge - ZERO) / timedelta(minutes=1) for span in spans for edge in (span.start, span.end))


def test_a_first_search_begins_where_the_process_began_to_wait_for_its_cluster() -> None:
    due_now = due_window(SOURCE, None, at(200.5), waited=timedelta(minutes=90))
    assert due_now is not None
    assert due_now.window == Window(start=at(195), end=at(200))
    assert due_now.skipped == Window(start=at(105), end=at(195))
    short = due_window(SOURCE, None, at(20.5), waited=timedelta(minutes=7))
    assert short is not None
    assert (short.window, short.skipped) == (Window(start=at(5), end=at(20)), None)


CASES = [
    # a first start: the slice that an overlap before the newest complete moment lies in
    (None, 20.5, (15, 20)),
    (None, 22.5, (15, 22)),
    # the usual tick: a minute more, and an overlap back, on the grid
    ((0, 20), 21.5, (15, 21)),
    ((0, 23), 24.5, (15, 24)),
    # never before where it began
    ((20, 22), 23.5, (20, 23)),
    # searched up to now already: the overlap alone
    ((0, 20), 20.5, (15, 20)),
    # an hour behind: all at once
    ((0, 20), 80.5, (15, 80)),
    # longer: the present alone, and the rest beside it
    ((0, 20), 200.5, (195, 200, 15, 195)),
    # weeks behind: the same
    ((0, 20), 40_000.5, (39_995, 40_000, 15, 39_995)),
    # the clock went back an hour: the overlap before the new now, nothing in the future
    ((0, 100), 40.5, (35, 40)),
    # the clock went back to before it began
    ((100, 120), 40.5, None),
]


@pytest.mark.parametrize(("checkpoint", "now", "expected"), CASES)
def test_what_is_due(checkpoint: tuple[float, float] | None, now: float, expected: tuple[float, ...] | None) -> None:
    assert due(checkpoint, now) == expected


def test_a_first_start_begins_where_settings_say_on_the_grid() -> None:
    source = Source(delay=timedelta(0), start=at(33), slice=timedelta(hours=1))
    assert due(None, 40, source) == (30, 40)
    due_now = due_window(source, None, at(40))
    assert due_now is not None
    assert due_now.since == at(33)  # what lies before is not the rules'
    assert due(None, 300, source) == (295, 300, 30, 295)


def test_a_start_in_the_future_searches_nothing_yet() -> None:
    source = Source(delay=timedelta(0), start=at(30))
    assert due(None, 10, source) is None
    assert due(None, 30, source) is None


def test_without_overlap_and_news_nothing_is_due_on_the_grid() -> None:
    source = Source(delay=timedelta(0), overlap=timedelta(0))
    assert due((0, 10), 10, source) is None
    assert due((0, 10), 10.5, source) == (10, 10.5)
    # a slice that was searched in part is searched from its start: it is counted whole
    assert due((0, 10.5), 11, source) == (10, 11)


@pytest.mark.parametrize("longest", [1, 5, 7, 60])
def test_a_slice_shorter_than_the_overlap_still_gets_ahead(longest: int) -> None:
    source = Source(delay=timedelta(0), overlap=timedelta(minutes=5), slice=timedelta(minutes=longest))
    due_now = due((0, 10), 200, source)
    assert due_now is not None
    assert due_now[1] == 200


spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30))


@given(
    since=spans,
    searched=spans,
    passed=spans,
    overlap=st.integers(0, 60),
    longest=st.integers(0, 300),
    late=st.booleans(),
)
def test_whatever_the_times_no_moment_between_the_edge_and_now_is_left_out(
    since: timedelta, searched: timedelta, passed: timedelta, overlap: int, longest: int, *, late: bool
) -> None:
    source = Source(
        delay=timedelta(seconds=30 * late), overlap=timedelta(minutes=overlap), slice=timedelta(minutes=longest)
    )
    checkpoint = Checkpoint(since=slice_floor(ZERO + since), watermark=ZERO + since + searched)
    now = checkpoint.watermark + passed
    due_now = due_window(source, checkpoint, now)
    if due_now is None:
        assert now - source.delay <= max(slice_floor(checkpoint.watermark - source.overlap), checkpoint.since)
        return
    assert due_now.window.end == now - source.delay
    begins = due_now.skipped.start if due_now.skipped else due_now.window.start
    assert due_now.skipped is None or due_now.skipped.end == due_now.window.start
    assert begins <= checkpoint.watermark
    assert begins >= checkpoint.since
    assert slice_floor(due_now.window.start) == due_now.window.start
    assert due_now.window.length <= max(source.slice, source.overlap + timedelta(minutes=5)) + timedelta(minutes=5)
