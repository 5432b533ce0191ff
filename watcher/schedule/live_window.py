"""Which window the live search is due to search: checkpoint and current time → a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import SLICE, slice_floor
from watcher.model import Window
from watcher.settings import Source

_TOLERANCE = timedelta(minutes=5)  # by which a window may exceed the longest one


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWindow:
    """The window that the live search is due to search."""

    window: Window
    since: datetime  # where the search of the source began, or begins now
    skipped: Window | None = None  # the span before it: too long to delay the present for, so it becomes a gap


def due_window(
    source: Source, checkpoint: Checkpoint | None, now: datetime, *, waited: timedelta = timedelta(0)
) -> DueWindow | None:
    """Return the window that is due, None where there is none.

    It starts on the grid of slices, an overlap before the watermark, for events that came late, and ends `delay` before
    now. A first search begins at `start`, or an overlap before the process began to wait for its cluster. Where the
    watermark is more than a `slice` behind, the window is only the newest part of the span.
    """
    end = now - source.delay
    newest = slice_floor(
        end - max(source.overlap, timedelta.resolution)
    )  # before `end`, also where that is on the grid
    if checkpoint is None:
        if source.start is not None and source.start >= end:
            return None
        since = source.start if source.start is not None else slice_floor(newest - waited)
        start = slice_floor(since)
    else:
        since = checkpoint.since
        start = max(slice_floor(min(checkpoint.watermark, end) - source.overlap), slice_floor(checkpoint.since))
    if start >= end:
        return None
    longest = max(source.slice, source.overlap + SLICE)
    if end - start <= longest + _TOLERANCE:
        return DueWindow(window=Window(start=start, end=end), since=since)
    begin = max(newest, start)
    skipped = Window(start=start, end=begin) if start < begin else None
    return DueWindow(window=Window(start=begin, end=end), since=since, skipped=skipped)
