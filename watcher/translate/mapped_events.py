"""An event as its mapping shows it: constants and aliases stand in no `_source`, and yet rules ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.match.event_view import EventView
from watcher.match.flat_event import ALL_FIELDS, FieldFilter, values_at
from watcher.model import Event, EventDocument
from watcher.ports import FieldType, IndexMapping
from watcher.settings import Source


@dataclass(frozen=True, slots=True)
class _AddedValues:
    """What one index adds to its events."""

    constants: dict[str, str] = field(default_factory=dict)  # path → value
    aliases: dict[str, str] = field(default_factory=dict)  # path → the path that it points to

    def to(self, event: Event) -> Event:
        """Put constants and aliases where an event itself holds nothing."""
        missing = {path: value for path, value in self.constants.items() if not values_at(event, path)}
        whole = {**event, **missing}
        for path, target in self.aliases.items():
            values = list(values_at(whole, target))
            if values and not values_at(event, path):
                whole[path] = values
        return whole


class EventReader:
    """Looks at the events that a search of one source returned."""

    __slots__ = ("_added", "_fields")

    def __init__(self, source: Source, mapping: IndexMapping) -> None:
        self._fields: Mapping[str, tuple[str, ...]] = source.fields
        self._added: dict[str, _AddedValues] = {}
        for path, types in mapping.fields.items():
            for one in types:
                self._note(path, one, one.indices or mapping.indices)

    def _note(self, path: str, one: FieldType, indices: tuple[str, ...]) -> None:
        for index in indices:
            if one.value is not None:
                self._added.setdefault(index, _AddedValues()).constants[path] = one.value
            if one.path is not None:
                self._added.setdefault(index, _AddedValues()).aliases[path] = one.path

    def view(self, found: EventDocument, field_filter: FieldFilter = ALL_FIELDS) -> EventView:
        """Look at an event with the field mappings of settings and what its index adds."""
        added = self._added.get(found.index)
        event = found.event if added is None else added.to(found.event)
        return EventView({**event, **_listed(found)} if found.computed else event, self._fields, field_filter)


def _listed(found: EventDocument) -> Event:
    """Give the computed values of an event, but for those that it holds itself."""
    return {path: list(values) for path, values in found.computed.items() if not values_at(found.event, path)}
