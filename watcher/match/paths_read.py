"""The paths that rules read of events of one channel and code: only these are flattened and searched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from watcher.match.event_view import DATA_FIELDS, DATA_OBJECTS, EventView, FieldRequest
from watcher.model import ConditionNode, SigmaFieldReference, detection_items
from watcher.taxonomy.field_locations import CHANNEL, EVENT_CODES


def fields_read(node: ConditionNode) -> tuple[str, ...]:
    """Return the Sigma fields of a condition tree in order, without duplicates; an empty name stands for keywords."""
    return tuple(dict.fromkeys(_fields(node)))


def _fields(node: ConditionNode) -> Iterator[str]:
    for item in detection_items(node):
        yield item.field or ""
        yield from (value.field for value in item.values if isinstance(value, SigmaFieldReference))


def paths_read(requests: Iterable[FieldRequest], view: EventView) -> frozenset[str]:
    """Return the paths that requests may read of events of a view's channel and code, and those that show these."""
    return frozenset((*kind_paths(view), *_requested_paths(requests, view)))


def kind_paths(view: EventView) -> tuple[str, ...]:
    """Return the paths that show the channel and the codes of an event."""
    return tuple(dict.fromkeys((CHANNEL, *EVENT_CODES, *view.paths_of(("EventID", False)))))


def _requested_paths(requests: Iterable[FieldRequest], view: EventView) -> Iterator[str]:
    for request in requests:
        field = request[0]
        if field:
            yield from view.paths_of(request)
        else:
            yield "message"
        if not field or field in DATA_FIELDS:
            yield from DATA_OBJECTS
            yield from view.moved_paths()
