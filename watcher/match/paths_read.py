"""The paths that rules read of events of one channel and code: only these are flattened and searched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watcher.match.event_view import EventView, FieldRequest
from watcher.model import ConditionNode, SigmaFieldReference, detection_items
from watcher.taxonomy.field_locations import CHANNEL, DATA, EVENT_CODES

_DATA_FIELDS = ("Data", "EventData")
_DATA_OBJECTS = tuple(prefix.removesuffix(".") for prefix in DATA)


def fields_read(node: ConditionNode) -> frozenset[str]:
    """Return the Sigma fields of a condition tree; an empty name stands for keywords, which have no field."""
    items = tuple(detection_items(node))
    values = (value for item in items for value in item.values)
    referred = (value.field for value in values if isinstance(value, SigmaFieldReference))
    return frozenset((*(item.field or "" for item in items), *referred))


def paths_read(requests: Iterable[FieldRequest], view: EventView) -> frozenset[str]:
    """Return the paths that requests may read of events of a view's channel and code, and those that show these."""
    return frozenset((CHANNEL, *EVENT_CODES, *view.paths_of(("EventID", False)), *_requested_paths(requests, view)))


def _requested_paths(requests: Iterable[FieldRequest], view: EventView) -> Iterator[str]:
    for request in requests:
        field = request[0]
        if field:
            yield from view.paths_of(request)
        else:
            yield "message"
        if not field or field in _DATA_FIELDS:
            yield from _DATA_OBJECTS
            yield from view.moved_paths()
