"""Arithmetic on spans: the grid, parts of windows, adjacent slices and gaps, near the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.checkpoints.gaps import (
    SLICE,
    Gap,
    SearchedSpan,
    adjacent_slices,
    merge_gaps,
    newest_part,
    slice_ceiling,
    slice_floor,
    slices,
    split_window,
    without_span,
)
from watcher.model import Window

ZERO = datetime(1970, 1, 1, tzinfo=UTC)
Span = tuple[float, float]


def at(minutes: float) -> datetime:
    """Return a time by its minutes since the epoch."""
    return ZERO + timedelta(minutes=minutes)


def window(span: Span) -> Window:
    """Return a window by its minutes."""
    return Window(start=at(span[0]), end=at(span[1]))


def minutes(part: Window) -> Span:
    """Return a window in minutes."""
    return (part.start - ZERO) / timedelta(minutes=1), (part.end - ZERO) / timedelta(minutes=1)


def gap(start: float, end: float, *rules: str, attempts: int = 0, due: float = 0) -> Gap:
    """Return a gap by its minutes."""
    return Gap(window=window((start, end)), reason="away", rules=rules, attempts=attempts, due=at(due))


def shown(gaps: tuple[Gap, ...]) -> list[tuple[float, float, str]]:
    """Return gaps in minutes with their rules."""
    return [(*minutes(gap.window), ",".join(gap.rules)) for gap in gaps]


@pytest.mark.parametrize(
    ("moment", "low", "high"), [(0, 0, 0), (0.1, 0, 5), (4.9, 0, 5), (5, 5, 5), (-0.1, -5, 0), (-5, -5, -5)]
)
def test_the_grid(moment: float, low: float, high: float) -> None:
    assert (slice_floor(at(moment)), slice_ceiling(at(moment))) == (at(low), at(high))


def test_a_window_overlaps_the_slices_of_its_ends_but_not_a_slice_that_begins_there() -> None:
    assert [minutes(Window(start=start, end=start + SLICE))[0] for start in slices(window((3, 15)))] == [0, 5, 10]
    assert list(slices(window((3, 15.1)))) == [at(0), at(5), at(10), at(15)]


PARTS = [
    ((0, 10), 60, [(0, 10)]),
    ((0, 120), 60, [(0, 60), (60, 120)]),
    # cut on the grid: only the ends may lie off it
    ((3, 17), 5, [(3, 5), (5, 10), (10, 15), (15, 17)]),
    # shorter than a slice, or none of its multiples: rounded down, but never below one
    ((0, 12), 1, [(0, 5), (5, 10), (10, 12)]),
    ((0, 30), 12, [(0, 10), (10, 20), (20, 30)]),
]


@pytest.mark.parametrize(("span", "longest", "expected"), PARTS)
def test_split_window(span: Span, longest: float, expected: list[Span]) -> None:
    parts = [minutes(part) for part in split_window(window(span), timedelta(minutes=longest))]
    assert parts == expected
    assert minutes(newest_part(window(span), timedelta(minutes=longest)))[1] == span[1]


def test_the_newest_part_lies_on_the_grid_and_a_piece_after_the_other_leaves_nothing() -> None:
    left, cut = window((3, 17)), []
    while True:
        part = newest_part(left, timedelta(minutes=5))
        cut.append(minutes(part))
        if part.start == left.start:
            break
        left = Window(start=left.start, end=part.start)
    assert cut == [(15, 17), (10, 15), (5, 10), (3, 5)]


def test_adjacent_slices_join() -> None:
    assert [minutes(part) for part in adjacent_slices([at(20), at(5), at(0), at(10), at(30)])] == [
        (0, 15),
        (20, 25),
        (30, 35),
    ]
    assert list(adjacent_slices([])) == []


def test_each_attempt_that_fails_doubles_the_wait_up_to_sixteen_minutes() -> None:
    failing, waits = gap(0, 5), []
    for _ in range(8):
        failing = failing.after_failure("still away", now=at(0))
        waits.append((failing.due - at(0)).total_seconds())
    assert waits == [30, 60, 120, 240, 480, 960, 960, 960]


JOINED = [
    # they overlap
    ([gap(0, 10), gap(5, 15)], [(0, 15, "")]),
    # one lies in the other
    ([gap(0, 20), gap(5, 10)], [(0, 20, "")]),
    # they touch and failed as often
    ([gap(0, 5), gap(5, 10)], [(0, 10, "")]),
    # they touch, but one failed more often: it must not keep the other waiting
    ([gap(0, 5, attempts=1), gap(5, 10)], [(0, 5, ""), (5, 10, "")]),
    # they lie apart
    ([gap(0, 5), gap(6, 10)], [(0, 5, ""), (6, 10, "")]),
    # they are other rules'
    ([gap(0, 5, "a"), gap(0, 5, "b"), gap(0, 5)], [(0, 5, ""), (0, 5, "a"), (0, 5, "b")]),
]


@pytest.mark.parametrize(("gaps", "expected"), JOINED)
def test_joining(gaps: list[Gap], expected: list[tuple[float, float, str]]) -> None:
    assert shown(merge_gaps(gaps)) == expected
    assert merge_gaps(merge_gaps(gaps)) == merge_gaps(gaps)


def test_overlapping_gaps_wait_as_long_as_the_later_one() -> None:
    (merged,) = merge_gaps([gap(0, 10, attempts=3, due=7), gap(5, 15, attempts=1, due=2)])
    assert (merged.attempts, merged.due) == (3, at(7))


WITHOUT = [
    # all of it, the middle, an edge, nothing of it
    ([gap(0, 10)], (0, 10), None, []),
    ([gap(0, 30)], (10, 20), None, [(0, 10, ""), (20, 30, "")]),
    ([gap(0, 30)], (0, 20), None, [(20, 30, "")]),
    ([gap(0, 30)], (30, 40), None, [(0, 30, "")]),
    # searched by some rules: the others miss it still, and who all are is not known here
    ([gap(0, 10, "a", "b")], (0, 10), ["a"], [(0, 10, "b")]),
    ([gap(0, 20, "a", "b")], (0, 10), ["a"], [(0, 10, "b"), (10, 20, "a,b")]),
    ([gap(0, 10)], (0, 10), ["a"], [(0, 10, "")]),
    ([gap(0, 10, "a")], (0, 10), ["b"], [(0, 10, "a")]),
]


@pytest.mark.parametrize(("gaps", "searched", "rules", "expected"), WITHOUT)
def test_taking_out(
    gaps: list[Gap], searched: Span, rules: list[str] | None, expected: list[tuple[float, float, str]]
) -> None:
    assert shown(without_span(gaps, SearchedSpan(window=window(searched), rules=rules))) == expected


# --------------------------------------------------------------------------- no time is lost

RULES = ("a", "b", "c")
edges = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))
subsets = st.sets(st.sampled_from(RULES)).map(lambda rules: tuple(sorted(rules)))
drawn_gaps = st.lists(
    st.builds(lambda span, rules, attempts: gap(*span, *rules, attempts=attempts), edges, subsets, st.integers(0, 3)),
    max_size=8,
)


def missed(gaps: tuple[Gap, ...] | list[Gap]) -> set[tuple[int, str]]:
    """Return every minute that a rule misses."""
    return {
        (minute, rule)
        for gap in gaps
        for minute in range(*map(int, minutes(gap.window)))
        for rule in (gap.rules or RULES)
    }


@given(drawn_gaps)
def test_joining_loses_no_time_and_adds_none(gaps: list[Gap]) -> None:
    assert missed(merge_gaps(gaps)) == missed(gaps)


@given(drawn_gaps, edges, st.none() | subsets)
def test_what_was_searched_and_what_is_left_is_all_that_was_missed(
    gaps: list[Gap], searched: Span, rules: tuple[str, ...] | None
) -> None:
    before, after = missed(gaps), missed(without_span(gaps, SearchedSpan(window=window(searched), rules=rules)))
    done = {(minute, rule) for minute in range(*map(int, searched)) for rule in (RULES if rules is None else rules)}
    assert after <= before
    assert before - done <= after
    if rules is None:
        assert not after & done


@given(edges, st.integers(1, 30))
def test_parts_touch_and_cover_the_window(span: Span, longest: int) -> None:
    parts = [minutes(part) for part in split_window(window(span), timedelta(minutes=longest))]
    assert (parts[0][0], parts[-1][1]) == span
    assert all(part[1] == following[0] for part, following in pairwise(parts))
