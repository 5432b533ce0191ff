"""Gaps and the grid of slices: arithmetic on spans of time, without a clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from watcher.backoff import Backoff
from watcher.model import Window

SLICE = timedelta(minutes=5)
"""The step in which events are counted and checkpoints are kept."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BACKOFF = Backoff(first=timedelta(seconds=30), longest=timedelta(minutes=16))
_TOGETHER = timedelta(seconds=20)  # less than the shortest wait
_MOST_ATTEMPTS = 6  # that are counted: the wait is the longest one by then


def slice_floor(moment: datetime) -> datetime:
    """Return the start of the slice that holds a time."""
    return _EPOCH + (moment - _EPOCH) // SLICE * SLICE


def slice_ceiling(moment: datetime) -> datetime:
    """Return the start of the first slice that begins no earlier than a time."""
    low = slice_floor(moment)
    return low if low == moment else low + SLICE


def slices(window: Window) -> Iterator[datetime]:
    """Yield the start of every slice that a window overlaps."""
    start = slice_floor(window.start)
    while start < window.end:
        yield start
        start += SLICE


def split_window(window: Window, longest: timedelta) -> Iterator[Window]:
    """Yield the parts of a window on the grid, oldest first, none longer than `longest` (but at least a slice)."""
    step = _step(longest)
    start = window.start
    while start < window.end:
        end = min(slice_floor(start) + step, window.end)
        yield Window(start=start, end=end)
        start = end


def newest_part(window: Window, longest: timedelta) -> Window:
    """Return the newest part of a window, on the grid and not longer than `longest` (but at least a slice)."""
    return Window(start=max(window.start, slice_ceiling(window.end) - _step(longest)), end=window.end)


def _step(longest: timedelta) -> timedelta:
    return max(SLICE, longest // SLICE * SLICE)


def adjacent_slices(starts: Iterable[datetime]) -> Iterator[Window]:
    """Yield windows that join adjacent slices."""
    window: Window | None = None
    for start in sorted(starts):
        if window is not None and start == window.end:
            window = Window(start=window.start, end=start + SLICE)
            continue
        if window is not None:
            yield window
        window = Window(start=start, end=start + SLICE)
    if window is not None:
        yield window


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A span that was not completely searched, and when it is searched again."""

    window: Window
    reason: str  # one sentence
    rules: tuple[str, ...] = ()  # ids of the rules that did not search it, sorted; empty: every rule
    indices: tuple[str, ...] = ()  # that were not searched, sorted; empty: every index of the pattern
    attempts: int = 0  # that failed
    due: datetime

    def after_failure(self, reason: str, *, now: datetime) -> Gap:
        """Return the gap after one more failed attempt: the wait doubles from 30 s to 16 min."""
        attempts = min(self.attempts + 1, _MOST_ATTEMPTS)
        return replace(self, reason=reason, attempts=attempts, due=now + _BACKOFF.delay(attempts))


def merge_gaps(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Join gaps of the same rules and indices that overlap, and those that touch and failed equally often and lately.

    Joined gaps become due at the later of both times. So a part that failed just now is not joined with one that is
    due: it would delay it each time.
    """
    merged: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: (gap.rules, gap.indices, gap.window)):
        previous = merged[-1] if merged else None
        if previous is None or not _can_merge(previous, gap):
            merged.append(gap)
            continue
        later = max(previous, gap, key=lambda gap: (gap.attempts, gap.due))
        end = max(previous.window.end, gap.window.end)
        merged[-1] = replace(later, window=Window(start=previous.window.start, end=end))
    return tuple(sorted(merged, key=lambda gap: (gap.window, gap.rules, gap.indices)))


def _can_merge(gap: Gap, later: Gap) -> bool:
    if (gap.rules, gap.indices) != (later.rules, later.indices) or gap.window.end < later.window.start:
        return False
    if later.window.start < gap.window.end:
        return True
    is_alike = bool(gap.indices) or abs(gap.due - later.due) <= _TOGETHER  # an index fails for all of its time
    return gap.attempts == later.attempts and is_alike


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedSpan:
    """A span that was completely searched."""

    window: Window
    rules: tuple[str, ...] | None = None  # ids of the rules that searched it; None: every rule
    indices: tuple[str, ...] | None = None  # that were searched; None: every index, but for the next ones
    without: tuple[str, ...] = ()  # indices that were not searched


def without_span(gaps: Iterable[Gap], span: SearchedSpan) -> tuple[Gap, ...]:
    """Return gaps without a span that was completely searched."""
    searched = span.window
    remaining: list[Gap] = []
    for gap in gaps:
        if searched.end <= gap.window.start or gap.window.end <= searched.start:
            remaining.append(gap)
            continue
        common = Window(start=max(gap.window.start, searched.start), end=min(gap.window.end, searched.end))
        remaining.extend(_unsearched(replace(gap, window=common), span))
        if gap.window.start < common.start:
            remaining.append(replace(gap, window=Window(start=gap.window.start, end=common.start)))
        if common.end < gap.window.end:
            remaining.append(replace(gap, window=Window(start=common.end, end=gap.window.end)))
    return merge_gaps(remaining)


def _unsearched(gap: Gap, span: SearchedSpan) -> Iterator[Gap]:
    """Yield what remains of a gap that some rules searched in some indices."""
    if gap.indices:
        kept = tuple(index for index in gap.indices if not _is_searched(index, span))
        if kept:
            yield replace(gap, indices=kept)
            gap = replace(gap, indices=tuple(index for index in gap.indices if index not in kept))
        if not gap.indices:
            return
    elif span.indices is not None:  # which other indices exist is unknown here, so it stays
        yield gap
        return
    yield from _unsearched_by_rules(gap, span.rules)


def _is_searched(index: str, span: SearchedSpan) -> bool:
    return index not in span.without and (span.indices is None or index in span.indices)


def _unsearched_by_rules(gap: Gap, rules: Sequence[str] | None) -> Iterator[Gap]:
    if rules is None:
        return
    if not gap.rules:  # a gap of every rule: which rules exist is unknown here, so it stays
        yield gap
        return
    missing = tuple(rule for rule in gap.rules if rule not in rules)
    if missing:
        yield replace(gap, rules=missing)
