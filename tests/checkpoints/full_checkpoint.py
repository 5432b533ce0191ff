"""A checkpoint in which every field has a value."""

from datetime import timedelta

from support.fakes import NOW

from watcher.checkpoints.checkpoint import Checkpoint, LostIndices, OlderEvents
from watcher.checkpoints.gaps import Gap
from watcher.model import Window

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
FULL = Checkpoint(
    since=NOW - DAY,
    watermark=NOW + timedelta(microseconds=123_456),
    gaps=(
        Gap(window=Window(start=NOW - DAY, end=NOW - 2 * MINUTE), reason="away", rules=("a", "b"), attempts=3, due=NOW),
        Gap(window=Window(start=NOW - MINUTE, end=NOW), reason="not searched yet", due=NOW),
        Gap(window=Window(start=NOW - MINUTE, end=NOW), reason="closed", indices=("winlogbeat-0",), due=NOW),
    ),
    indices=("winlogbeat-1", "winlogbeat-2"),
    searched_as="winlogbeat-* by @timestamp",
    lost_indices=(LostIndices(indices=("winlogbeat-0",), events=7, noticed=NOW),),
    last_late_check=NOW,
    too_late=3,
    older_events=OlderEvents(before=NOW - 7 * DAY, events=12),
    future_events=4,
    replaced_times=5,
    last_replaced_time=NOW,
)
