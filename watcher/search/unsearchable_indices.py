"""The indices of a source that may hold events of a window, and cannot be searched."""

from __future__ import annotations

from watcher.model import UnsearchableIndex, Window, affecting
from watcher.ports import EventSource, IndexMapping
from watcher.settings import Source


def unsearchable_indices(
    events: EventSource, source: Source, mapping: IndexMapping, window: Window
) -> tuple[UnsearchableIndex, ...]:
    """Return the closed indices and those that a search leaves out, as far as they may hold events of a window.

    Raises a ClusterError where nothing can be searched.
    """
    with events.open(source.index, window, time_field=source.time_field) as snapshot:
        candidates = (*mapping.unsearchable, *snapshot.unsearchable)
        return affecting(candidates, window, (*mapping.indices, *mapping.closed))
