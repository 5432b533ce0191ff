"""Arithmetic on spans of time: the grid of slices, windows cut out of windows, and holes. No clock is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from watcher.model import Window

SLICE = timedelta(minutes=5)
"""The step in which events are counted and coverage is kept."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_WAIT = timedelta(seconds=30)
_MOST_DOUBLINGS = 5  # 16 minutes


def slice_floor(moment: datetime) -> datetime:
    """Give the start of the slice that a moment lies in."""
    return _EPOCH + (moment - _EPOCH) // SLICE * SLICE


def slice_ceiling(moment: datetime) -> datetime:
    """Give the start of the first slice that begins no earlier than a moment."""
    low = slice_floor(moment)
    return low if low == moment else low + SLICE


def slices(window: Window) -> Iterator[datetime]:
    """Give the start of every slice that a window touches."""
    at = slice_floor(window.start)
    while at < window.end:
        yield at
        at += SLICE


def pieces(window: Window, longest: timedelta) -> Iterator[Window]:
    """Cut a window into pieces on the grid, oldest first, none longer than `longest` (but at least a slice)."""
    step = max(SLICE, longest // SLICE * SLICE)
    start = window.start
    while start < window.end:
        end = min(slice_floor(start) + step, window.end)
        yield Window(start=start, end=end)
        start = end


def last_piece(window: Window, longest: timedelta) -> Window:
    """Give the newest piece of a window, on the grid and none longer than `longest` (but at least a slice)."""
    step = max(SLICE, longest // SLICE * SLICE)
    return Window(start=max(window.start, slice_ceiling(window.end) - step), end=window.end)


def adjacent_slices(starts: Iterable[datetime]) -> Iterator[Window]:
    """Join slices that lie side by side."""
    first: datetime | None = None
    last: datetime | None = None
    for at in sorted(starts):
        if first is not None and last is not None and at - last == SLICE:
            last = at
            continue
        if first is not None and last is not None:
            yield Window(start=first, end=last + SLICE)
        first = last = at
    if first is not None and last is not None:
        yield Window(start=first, end=last + SLICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A span that was not searched whole, and when to try again."""

    window: Window
    reason: str  # one sentence
    rules: tuple[str, ...] = ()  # ids of the rules that miss it, sorted; empty: every rule
    attempts: int = 0  # that failed
    due: datetime

    def again(self, reason: str, *, now: datetime) -> Gap:
        """Give the hole after one more attempt that failed: the wait doubles from 30 s to 16 min."""
        wait = _FIRST_WAIT * 2 ** min(self.attempts, _MOST_DOUBLINGS)
        return replace(self, reason=reason, attempts=min(self.attempts, _MOST_DOUBLINGS) + 1, due=now + wait)


def merge_gaps(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Join holes of the same rules that overlap, and those that touch and failed as often.

    What overlaps is tried again as late as the more patient of the two.
    """
    made: list[Gap] = []
    for gap in sorted(gaps, key=lambda one: (one.rules, one.window)):
        last = made[-1] if made else None
        if last is None or not _belong_together(last, gap):
            made.append(gap)
            continue
        later = max(last, gap, key=lambda one: (one.attempts, one.due))
        end = max(last.window.end, gap.window.end)
        made[-1] = replace(later, window=Window(start=last.window.start, end=end))
    return tuple(sorted(made, key=lambda one: (one.window, one.rules)))


def _belong_together(gap: Gap, later: Gap) -> bool:
    if gap.rules != later.rules or gap.window.end < later.window.start:
        return False
    return later.window.start < gap.window.end or gap.attempts == later.attempts


def without_span(gaps: Iterable[Gap], searched: Window, rules: Sequence[str] | None = None) -> tuple[Gap, ...]:
    """Take a span that was searched whole out of some holes.

    `rules` are the ids of those that searched it, None where all did.
    """
    left: list[Gap] = []
    for gap in gaps:
        if searched.end <= gap.window.start or gap.window.end <= searched.start:
            left.append(gap)
            continue
        common = Window(start=max(gap.window.start, searched.start), end=min(gap.window.end, searched.end))
        left.extend(_missing(replace(gap, window=common), rules))
        if gap.window.start < common.start:
            left.append(replace(gap, window=Window(start=gap.window.start, end=common.start)))
        if common.end < gap.window.end:
            left.append(replace(gap, window=Window(start=common.end, end=gap.window.end)))
    return merge_gaps(left)


def _missing(gap: Gap, rules: Sequence[str] | None) -> Iterator[Gap]:
    """Give what is left of a hole that some rules searched."""
    if rules is None:
        return
    if not gap.rules:  # every rule misses it, and who they all are is not known here
        yield gap
        return
    still = tuple(one for one in gap.rules if one not in rules)
    if still:
        yield replace(gap, rules=still)
