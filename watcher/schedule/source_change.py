"""A source that selects other events under the same name: what it holds now was not searched yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from watcher.checkpoints.checkpoint import AddGaps, Checkpoint, Command, RecordIndices, RecordSelection
from watcher.checkpoints.gaps import Gap, slice_floor
from watcher.digests import digest
from watcher.model import Window
from watcher.settings import Source

log = structlog.get_logger(__name__)


def searched_as(source: Source) -> str:
    """Return how settings select the events of a source, and where they find fields, as text to compare."""
    fields = [f"{name}: {', '.join(paths)}" for name, paths in sorted(source.fields.items())]
    logsources = sorted(map(repr, source.logsources))
    return f"{source.index} by {source.time_field}, fields {digest(*fields, '', *logsources)[:8]}"


def selection_commands(
    source: Source, checkpoint: Checkpoint | None, until: datetime, now: datetime
) -> tuple[Command, ...]:
    """Return the commands that record how a source selects events.

    Where that changed, what the late-event check covers before the present window becomes a gap.
    """
    current = searched_as(source)
    before = None if checkpoint is None else checkpoint.searched_as
    record = RecordSelection(searched_as=current)
    if checkpoint is None or before is None:
        return (record,)
    if before == current:
        return ()
    log.warning("source.changed", source=source.name, before=before, after=current)
    reason = f"the source selected other events before: {before}"
    return (record, RecordIndices(indices=()), AddGaps(gaps=tuple(_gaps(source, checkpoint, until, now, reason))))


def _gaps(source: Source, checkpoint: Checkpoint, until: datetime, now: datetime, reason: str) -> Sequence[Gap]:
    start = max(slice_floor(now - source.late_events.past), slice_floor(checkpoint.since))
    return [Gap(window=Window(start=start, end=until), reason=reason, due=now)] if start < until else []
