"""Events with what their mapping adds: constants, aliases and computed fields, which are in no `_source`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watcher.match.event_view import NOTHING_ADDED, EventView
from watcher.match.flat_event import ALL_FIELDS, FieldFilter, values_at
from watcher.model import Event, EventDocument
from watcher.ports import FieldType, IndexMapping
from watcher.settings import Source


@dataclass(frozen=True, slots=True)
class _IndexAdditions:
    """The constants and aliases of one index."""

    constants: dict[str, str] = field(default_factory=dict)  # path → value
    aliases: dict[str, str] = field(default_factory=dict)  # path → the path that it points to

    def values(self, event: Event) -> dict[str, Any]:
        """Return the constants and aliases at paths where the event itself has no value."""
        added: dict[str, Any] = {path: value for path, value in self.constants.items() if not values_at(event, path)}
        with_constants = {**event, **added}
        for path, target in self.aliases.items():
            values = list(values_at(with_constants, target))
            if values and not values_at(event, path):
                added[path] = values
        return added


class EventReader:
    """Flattens the events that a search of one source returned, each with what its index adds."""

    __slots__ = ("_additions", "_fields")

    def __init__(self, source: Source, mapping: IndexMapping) -> None:
        self._fields: Mapping[str, tuple[str, ...]] = source.fields
        self._additions: dict[str, _IndexAdditions] = {}
        for path, field_types in mapping.fields.items():
            for field_type in field_types:
                self._register(path, field_type, field_type.indices or mapping.indices)

    def _register(self, path: str, field_type: FieldType, indices: tuple[str, ...]) -> None:
        for index in indices:
            if field_type.value is not None:
                self._additions.setdefault(index, _IndexAdditions()).constants[path] = field_type.value
            if field_type.path is not None:
                self._additions.setdefault(index, _IndexAdditions()).aliases[path] = field_type.path

    def view(self, document: EventDocument, field_filter: FieldFilter = ALL_FIELDS) -> EventView:
        """Return the view of an event, with the field mappings of settings and what its index adds."""
        return EventView(document.event, self._fields, field_filter, self._added_values(document))

    def _added_values(self, document: EventDocument) -> Event:
        additions = self._additions.get(document.index)
        if additions is None and not document.computed:
            return NOTHING_ADDED
        added = {} if additions is None else additions.values(document.event)
        computed = {
            path: list(values) for path, values in document.computed.items() if not values_at(document.event, path)
        }
        return {**added, **computed}
