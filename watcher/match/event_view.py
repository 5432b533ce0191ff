"""One event as rules read it: the values of a Sigma field, wherever Winlogbeat put them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from watcher.match.flat_event import ALL_FIELDS, NO_VALUES, FieldFilter, Values, leaf_objects, leaf_strings, nodes_at
from watcher.match.matchers import fold, fold_loosely
from watcher.model import Event
from watcher.taxonomy.computed_fields import ComputedField, ComputedFromObjects
from watcher.taxonomy.field_locations import DATA, FieldLocations, field_locations, moved_field_names
from watcher.taxonomy.logsources import EventClass

NOTHING_ADDED: Event = {}

FieldRequest = tuple[str, bool]
"""A Sigma field, and whether Security 4688 is read as process creation."""
DATA_FIELDS = ("Data", "EventData")
"""The fields that mean values of the event's data, whatever their names."""

DATA_OBJECTS = ("winlog.event_data", "winlog.user_data")
"""The paths of the event's data."""


class RebuiltField(NamedTuple):
    """How a field's values are computed in events that do not hold them."""

    direct: tuple[str, ...]  # paths of the values in events that hold them
    computed: ComputedField | ComputedFromObjects


def encoded(text: str) -> bytes:
    """Return the bytes of a text; events may contain half a surrogate pair."""
    return text.encode("utf-8", "surrogatepass")


def _is_of_windows(name: str) -> bool:
    return name.startswith("winlog.")


def _is_same_channel(name: str, other: str) -> bool:
    # most lengths differ, and lowering two names costs more than comparing their lengths
    return len(name) == len(other) and name.lower() == other.lower()


def _is_unnamed(name: str) -> bool:
    return name.startswith("param") and name[5:].isdigit()


_MAX_KINDS = 4096
_LOCATIONS: dict[tuple[str, str], tuple[dict[str, FieldLocations], dict[str, FieldLocations]]] = {}
"""Channel and code → the locations of each Sigma field, as they are and where 4688 is read as process creation."""


class EventView:
    """A flat event that is read by Sigma field names; values are remembered."""

    __slots__ = (
        "_added",
        "_fields",
        "_flat",
        "_folded",
        "_keyword_values",
        "_locations",
        "channel",
        "channel_key",
        "code",
        "event",
        "extra",
        "is_windows",
    )

    def __init__(
        self,
        event: Event,
        extra: Mapping[str, tuple[str, ...]] | None = None,
        field_filter: FieldFilter = ALL_FIELDS,
        added: Event = NOTHING_ADDED,
    ) -> None:
        """Flatten an event and the values that its mapping adds; paths outside the filter have no values."""
        self.event = {**event, **added} if added else event
        self._added = added
        self.extra = extra or {}  # the field mappings of settings
        self._flat = field_filter.flatten(self.event)
        self._fields: dict[FieldRequest, Values] = {}
        self._folded: dict[FieldRequest, Values] = {}
        self._keyword_values: Values | None = None
        first = self._flat.first
        channel = self.channel = first.get("winlog.channel", "")
        self.code = first.get("event.code") or first.get("winlog.event_id", "")
        self.is_windows = bool(channel) or "winlog" in self.event or any(map(_is_of_windows, self.event))
        # equal for all spellings of a channel, as `_is_same_channel` compares: no letter case gains room in a cache
        lowered = channel.lower()
        self.channel_key = lowered if len(lowered) == len(channel) else channel
        self._locations = _LOCATIONS.get((self.channel_key, self.code)) or self._new_locations()

    def at(self, path: str) -> Values:
        """Return the values at a path of the document."""
        return self._flat.at(path)

    def single_values(self, paths: Sequence[str]) -> tuple[str | None, ...] | None:
        """Return the value at each of some paths, None at a path without one; None if a path has several values."""
        return self._flat.single_values(paths)

    def own_values(self) -> Iterator[tuple[str, Values]]:
        """Yield every path of the document with its values, without what the mapping adds."""
        return ((path, self._flat.at(path)) for path in self._flat.first if path not in self._added)

    def searched_text(self) -> bytes:
        """Return a text that holds all values of the document, with its case folded loosely."""
        text = self._flat.text()
        return text.lower().encode() if text.isascii() else encoded(fold_loosely(text))

    def is_of(self, event_class: EventClass) -> bool:
        """Return whether the event is of that channel and one of those codes."""
        if event_class.non_windows and self.is_windows:
            return False
        if event_class.channel is not None and not _is_same_channel(event_class.channel, self.channel):
            return False
        return not event_class.codes or self.code in event_class.codes

    def values(self, field: str, *, process_audit: bool = False) -> Values:
        """Return the values of a Sigma field; with `process_audit` Security 4688 is read as process creation."""
        return self.read((field, process_audit))

    def read(self, request: FieldRequest) -> Values:
        """Return the values of a requested field."""
        values = self._fields.get(request)
        if values is None:
            values = self._fields[request] = self._read(request)
        return values

    def folded(self, request: FieldRequest) -> Values:
        """Return the values of a requested field with their case folded."""
        values = self._folded.get(request)
        if values is None:
            values = self._folded[request] = tuple(map(fold, self.read(request)))
        return values

    def rebuilt_fields(self, request: FieldRequest) -> tuple[RebuiltField, ...]:
        """Return how values of a field (empty: of any field) are computed that are not in the event's text.

        They are the same for all events of this channel and code.
        """
        if request[0] not in ("", *DATA_FIELDS):
            return self._rebuilt(request)
        names = moved_field_names(self._event_class(process_audit=False))
        return tuple(dict.fromkeys(rebuilt for name in names for rebuilt in self._rebuilt((name, False))))

    def _rebuilt(self, request: FieldRequest) -> tuple[RebuiltField, ...]:
        locations = self._locations_of(request)
        return tuple(
            RebuiltField(locations.direct, computed)
            for computed in locations.computed
            if isinstance(computed, ComputedFromObjects) or not computed.is_substring
        )

    def paths_of(self, request: FieldRequest) -> tuple[str, ...]:
        """Return every path that may hold values of a field, or parts of them, in events of this channel and code."""
        locations = self._locations_of(request)
        parts = (path for computed in locations.computed for path in computed.paths)
        return (*locations.direct, *self.extra.get(request[0], ()), *locations.fallback, *parts)

    def moved_paths(self) -> Iterator[str]:
        """Yield the paths of the values that modules moved out of the data of events of this channel and code."""
        for name in moved_field_names(self._event_class(process_audit=False)):
            yield from self.paths_of((name, False))

    def rebuild(self, rebuilt: RebuiltField) -> Values:
        """Return the computed values of a field, unless the event holds its values."""
        for path in rebuilt.direct:
            if path in self._flat.first:
                return NO_VALUES
        return self._compute(rebuilt.computed)

    def _new_locations(self) -> tuple[dict[str, FieldLocations], dict[str, FieldLocations]]:
        if len(_LOCATIONS) >= _MAX_KINDS:  # whoever writes events may invent any number of channels and codes
            _LOCATIONS.clear()
        return _LOCATIONS.setdefault((self.channel_key, self.code), ({}, {}))

    def _locations_of(self, request: FieldRequest) -> FieldLocations:
        field, process_audit = request
        by_field = self._locations[process_audit]
        locations = by_field.get(field)
        if locations is None:
            locations = by_field[field] = field_locations(field, self._event_class(process_audit=process_audit))
        return locations

    def _read(self, request: FieldRequest) -> Values:
        field = request[0]
        locations = self._locations_of(request)
        direct = (*locations.direct, *self.extra[field]) if field in self.extra else locations.direct
        values = self._values_at(direct) or self._values_at(locations.fallback)
        if values:
            return values
        if field in DATA_FIELDS:
            return tuple(self._data(unnamed=field == "Data"))
        return self._computed(locations)

    def _event_class(self, *, process_audit: bool) -> EventClass:
        return EventClass(
            channel=self.channel_key or None, codes=(self.code,) if self.code else (), process_audit=process_audit
        )

    def _values_at(self, paths: tuple[str, ...]) -> Values:
        """Return the values at some paths: what one path repeats stays repeated, what several hold counts once."""
        first = self._flat.first
        values, differ = NO_VALUES, False
        for path in paths:
            if path in first:
                more = self._flat.at(path)
                if more != values:  # several paths mostly hold the same value
                    differ = bool(values)
                    values += more
        return tuple(dict.fromkeys(values)) if differ else values

    def _computed(self, locations: FieldLocations) -> Values:
        for computed in locations.computed:
            values = self._compute(computed)
            if values:
                return values
        return NO_VALUES

    def _compute(self, computed: ComputedField | ComputedFromObjects) -> Values:
        if isinstance(computed, ComputedFromObjects):
            nodes = nodes_at(self.event, computed.list_path.split("."))
            return computed.compute(tuple(leaf for node in nodes for leaf in leaf_objects(node)))
        parts = {path: self._flat.at(path) for path in computed.paths if path in self._flat.first}
        return computed.compute(parts) if parts else NO_VALUES

    def _data(self, *, unnamed: bool) -> Iterator[str]:
        names = set()
        for name, value in self._named_data():
            names.add(name)
            if not unnamed or _is_unnamed(name):
                yield from leaf_strings(value)
        for name in moved_field_names(self._event_class(process_audit=False)):
            if name not in names and (not unnamed or _is_unnamed(name)):
                yield from self.values(name)

    def _named_data(self) -> Iterator[tuple[str, Any]]:
        for path in DATA_OBJECTS:
            for node in nodes_at(self.event, path.split(".")):
                if isinstance(node, Mapping):
                    yield from node.items()
        for key, value in self.event.items():  # dotted names at the top level
            if key.startswith(DATA):
                yield key.split(".", 2)[2], value

    def keyword_values(self) -> Values:
        """Return the values in which keywords are searched: the message and all of the event's data."""
        if self._keyword_values is None:
            self._keyword_values = (*self.at("message"), *self._data(unnamed=False))
        return self._keyword_values
