"""Which window of a source is due at the live edge: since, until and now in, a window out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.checkpoints.checkpoints import Checkpoint
from watcher.checkpoints.gaps import SLICE, slice_floor
from watcher.model import Window
from watcher.settings import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWindow:
    """What is to be searched at the live edge."""

    window: Window
    since: datetime  # where the search of the source began, or begins now
    skipped: Window | None = None  # the span between: too long to keep the present waiting, searched beside it


def due_window(source: Source, checkpoint: Checkpoint | None, now: datetime) -> DueWindow | None:
    """Give the window that is due, None where there is none.

    It starts on the grid of slices, an overlap before the live edge, for events that came late, and ends `delay`
    before now. A first start begins at `start`, or an overlap ago. Where the edge lies more than a `slice` behind, the
    window is the newest part of the span alone.
    """
    end = now - source.delay
    newest = slice_floor(
        end - max(source.overlap, timedelta.resolution)
    )  # before the end, where that lies on the grid too
    if checkpoint is None:
        if source.start is not None and source.start >= end:
            return None
        since = source.start if source.start is not None else newest
        start = slice_floor(since)
    else:
        since = checkpoint.since
        start = max(slice_floor(min(checkpoint.until, end) - source.overlap), slice_floor(checkpoint.since))
    if start >= end:
        return None
    longest = max(source.slice, source.overlap + SLICE)
    if end - start <= longest + timedelta(minutes=5):
        return DueWindow(window=Window(start=start, end=end), since=since)
    begin = max(newest, start)
    skipped = Window(start=start, end=begin) if start < begin else None
    return DueWindow(window=Window(start=begin, end=end), since=since, skipped=skipped)
