"""What depends on absent events waits after an interruption until the events of that time have arrived.

An agent that could not send keeps its events, and sends them once the cluster takes them again. A search right after
an outage therefore sees silence that was none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.interruptions import Interruption
from watcher.checkpoints.late_base_hits import LateBaseHits, LateRecord
from watcher.model import Window

_LATE_SEARCH = 1.25  # so many intervals without a search are an interruption


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTimes:
    """How a source is searched."""

    every: timedelta
    overlap: timedelta  # for so long events are late

    @property
    def longest_pause(self) -> timedelta:
        """The longest time between searches that is no interruption.

        An outage within it makes events later by as much, which the lateness must cover.
        """
        return max(_LATE_SEARCH * self.every, self.overlap / 2)


def first_interruption(source: str, starts: Iterable[datetime], window: Window, now: datetime) -> Interruption:
    """Return the interruption that the first search of a source ends: nothing tells what the cluster took before.

    `starts` are those of the rules: after a long wait for the cluster, the first search is that of the newest part.
    """
    return Interruption(source=source, start=min([window.start, *starts]), end=window.end, searched=now)


def interruption_of(
    source: str, times: SearchTimes, window: Window, checkpoint: Checkpoint, now: datetime
) -> Interruption | None:
    """Return the interruption that a search of a window ends, if any: a pause before it, or the gap that it fills."""
    if window.end > checkpoint.watermark:
        start = checkpoint.watermark - times.overlap
        paused = window.end - checkpoint.watermark > times.longest_pause
        return Interruption(source=source, start=start, end=window.end, searched=now) if paused else None
    fills = any(gap.window.start < window.end and window.start < gap.window.end for gap in checkpoint.gaps)
    return Interruption(source=source, start=window.start, end=window.end, searched=now) if fills else None


@dataclass(slots=True)
class InterruptedSearches:
    """The interruptions that all sidecars share, and which of them this process searched again."""

    late: LateBaseHits
    searched_again: tuple[Interruption, ...] = ()  # not recorded yet that they are

    def noted(self, interruption: Interruption | None, now: datetime) -> LateRecord:
        """Return the shared record, with an interruption that a search ends."""
        if interruption is not None:
            return self.late.interrupt(interruption, now=now)
        record = self.late.read()
        done = [each for each in self.searched_again if each in record.interruptions]
        self.searched_again = ()
        return self.late.settle(done, now=now) if done else record
