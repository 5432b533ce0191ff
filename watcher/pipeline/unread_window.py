"""The events of an open window that are to be read, and their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from watcher.checkpoints.gaps import SLICE, slice_floor
from watcher.errors import Overloaded, Refused
from watcher.model import Window
from watcher.pipeline.window_plans import OpenWindow
from watcher.search.unread_events import SearchedEvents, SearchMemory, coarser, unread_spans

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadWindow:
    """An open window whose snapshot shows the events that are to be read."""

    opened: OpenWindow
    counts: Mapping[datetime, int]  # all events of the window, by the start of their slice
    searched: SearchedEvents | None = None  # what is read once this window is searched; None: unknown


def unread_window(opened: OpenWindow, window: Window, memory: SearchMemory | None) -> UnreadWindow:
    """Return what is to be read of a window; without a memory that is everything."""
    snapshot = opened.context.snapshot
    current = None if memory is None else _tallied(opened, window, memory.step)
    if memory is None or current is None:
        return UnreadWindow(opened=opened, counts=snapshot.counts(SLICE))
    counts: Counter[datetime] = Counter()
    for (_, start), tally in current.tallies.items():
        counts[slice_floor(start)] += tally.events
    before = memory.searched
    if before is not None and before.continues_in(current):
        spans = unread_spans(before, current, lambda spans: snapshot.limited_to(spans).tallies(current.step))
        opened = replace(opened, context=replace(opened.context, snapshot=snapshot.limited_to(spans)))
    return UnreadWindow(opened=opened, counts=counts, searched=current)


def _tallied(opened: OpenWindow, window: Window, step: timedelta) -> SearchedEvents | None:
    """Return the tallies of all events of a window, in longer slices where they would be too many.

    Returns None where the engine cannot tally: then all events are read.
    """
    length: timedelta | None = step
    while length is not None:
        try:
            tallies = opened.context.snapshot.tallies(length)
        except (Overloaded, Refused) as error:  # too many buckets, or an index without sequence numbers
            log.debug("events.not_tallied", step=str(length), error=str(error))
            length = coarser(length)
        else:
            return SearchedEvents(window=window, step=length, tallies=tallies, mapping=opened.mapping)
    return None
