"""How long a source usually has no events, learned from the counts of its slices."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.gaps import SLICE, slice_floor, slices
from watcher.model import Window

LEARNED_FROM = timedelta(days=14)
"""How far back the counts are read: an office is closed on two weekends of it."""

SHORTEST = timedelta(minutes=10)
LONGEST = timedelta(days=3)
_MARGIN = 1.5  # by which a silence exceeds the usual one before it is reported


def usual_silence(counted: Collection[datetime], checkpoint: Checkpoint, now: datetime) -> timedelta:
    """Return the second longest silence between events: the longest may have been an outage.

    `counted` are the starts of the slices that hold events. The present silence, and spans that were not searched,
    do not count.
    """
    start = max(slice_floor(checkpoint.since), slice_floor(now - LEARNED_FROM))
    end = min(checkpoint.watermark, now)
    if start >= end:
        return timedelta(0)
    runs = sorted(_silent_runs(counted, checkpoint, Window(start=start, end=end)), reverse=True)
    return SLICE * (runs[1] + 1) if len(runs) > 1 else timedelta(0)


def silence_limit(usual: timedelta) -> timedelta:
    """Return how long a source may be silent: half as much again as usual, within bounds."""
    return min(max(usual * _MARGIN, SHORTEST), LONGEST)


def _silent_runs(counted: Collection[datetime], checkpoint: Checkpoint, window: Window) -> Iterator[int]:
    """Yield the lengths, in slices, of the runs of slices without events that ended."""
    filled = frozenset(counted)
    length = 0
    for start in slices(window):
        if start in filled or checkpoint.has_gap_of_all_rules(start):
            if length:
                yield length
            length = 0
        else:
            length += 1
