"""What a rule can ask of one event: the values of a Sigma field, wherever Winlogbeat put them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
_DATA_MAPS = ("winlog.event_data", "winlog.user_data")


class RebuiltField(NamedTuple):
    """How a field's values are put together in events that hold none of them."""

    direct: tuple[str, ...]  # where they stand in events that do
    built: ComputedField | ComputedFromObjects


def _is_unnamed(name: str) -> bool:
    return name.startswith("param") and name[5:].isdigit()


_MOST_KINDS = 4096
_READINGS: dict[tuple[str, str, bool], dict[str, FieldLocations]] = {}  # by kind of event: the tables asked once


class EventView:
    """One event, asked by Sigma field names; answers are remembered."""

    __slots__ = (
        "_added",
        "_everything",
        "_fields",
        "_flat",
        "_folded",
        "_readings",
        "channel",
        "code",
        "event",
        "extra",
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
        self._flat = field_filter.values(self.event)
        self._fields: dict[FieldRequest, Values] = {}
        self._folded: dict[FieldRequest, Values] = {}
        self._everything: Values | None = None
        self.channel = self._flat.first.get("winlog.channel", "")
        self.code = self._flat.first.get("event.code") or self._flat.first.get("winlog.event_id", "")
        self._readings = (self._tables(process_audit=False), self._tables(process_audit=True))

    def at(self, path: str) -> Values:
        """Give every value at a path of the document."""
        return self._flat.at(path)

    def own_values(self) -> Iterator[tuple[str, Values]]:
        """Yield every path of the document with its values, without what the mapping adds."""
        return ((path, values) for path, values in self._flat.items() if path not in self._added)

    def text(self) -> str:
        """Give all values of the document as one text, their case folded loosely."""
        return fold_loosely(self._flat.text())

    def is_of(self, where: EventClass) -> bool:
        """Tell whether the event is of that channel and those codes."""
        if where.non_windows and self.channel:
            return False
        if where.channel is not None and where.channel.lower() != self.channel.lower():
            return False
        return not where.codes or self.code in where.codes

    def values(self, field: str, *, process_audit: bool = False) -> Values:
        """Give the values of a Sigma field; with `process_audit` Security 4688 is read as process creation."""
        return self.asked((field, process_audit))

    def asked(self, asked: FieldRequest) -> Values:
        """Give the values of a Sigma field as it is asked for."""
        found = self._fields.get(asked)
        if found is None:
            found = self._fields[asked] = self._read(asked)
        return found

    def folded(self, asked: FieldRequest) -> Values:
        """Give the values of a Sigma field as it is asked for, their case folded."""
        found = self._folded.get(asked)
        if found is None:
            found = self._folded[asked] = tuple(map(fold, self.asked(asked)))
        return found

    def built(self, asked: FieldRequest) -> tuple[RebuiltField, ...]:
        """Tell how values of a field (empty: of any) may be put together that stand nowhere in the event's text.

        The answer is the same for all events of this channel and code.
        """
        if asked[0] not in ("", "Data", "EventData"):
            return self._put_together(asked)
        parts = moved_field_names(self._where(process_audit=False))
        return tuple(dict.fromkeys(one for name in parts for one in self._put_together((name, False))))

    def _put_together(self, asked: FieldRequest) -> tuple[RebuiltField, ...]:
        there = self._reading(asked)
        built = (one for one in there.computed if isinstance(one, ComputedFromObjects) or not one.is_substring)
        return tuple(RebuiltField(there.direct, one) for one in built)

    def remade(self, one: RebuiltField) -> Values:
        """Give what is put together in this event, unless the field's values stand there as they are."""
        for path in one.direct:
            if path in self._flat.first:
                return NO_VALUES
        return self._made(one.built)

    def _tables(self, *, process_audit: bool) -> dict[str, FieldLocations]:
        kind = (self.channel, self.code, process_audit)
        known = _READINGS.get(kind)
        if known is None:
            if len(_READINGS) >= _MOST_KINDS:  # whoever writes events may make up channels and codes without end
                _READINGS.clear()
            known = _READINGS.setdefault(kind, {})
        return known

    def _reading(self, asked: FieldRequest) -> FieldLocations:
        field, process_audit = asked
        known = self._readings[process_audit]
        found = known.get(field)
        if found is None:
            found = known[field] = field_locations(field, self._where(process_audit=process_audit))
        return found

    def _read(self, asked: FieldRequest) -> Values:
        field = asked[0]
        there = self._reading(asked)
        direct = (*there.direct, *self.extra[field]) if field in self.extra else there.direct
        found = self._at_all(direct) or self._at_all(there.fallback)
        if found:
            return found
        if field in ("Data", "EventData"):
            return tuple(self._data(unnamed=field == "Data"))
        return self._built(there)

    def _where(self, *, process_audit: bool) -> EventClass:
        return EventClass(
            channel=self.channel or None, codes=(self.code,) if self.code else (), process_audit=process_audit
        )

    def _at_all(self, paths: tuple[str, ...]) -> Values:
        first = self._flat.first
        found = NO_VALUES
        for path in paths:
            if path in first:
                more = self._flat.at(path)
                if more != found:  # the same, most often, is the same again
                    found += more
        return found if len(found) < 2 else tuple(dict.fromkeys(found))

    def _built(self, there: FieldLocations) -> Values:
        for built in there.computed:
            made = self._made(built)
            if made:
                return made
        return NO_VALUES

    def _made(self, built: ComputedField | ComputedFromObjects) -> Values:
        if isinstance(built, ComputedFromObjects):
            return built.compute(
                tuple(one for node in nodes_at(self.event, built.list_path.split(".")) for one in leaf_objects(node))
            )
        parts = {path: self._flat.at(path) for path in built.paths if path in self._flat.first}
        return built.compute(parts) if parts else NO_VALUES

    def _data(self, *, unnamed: bool) -> Iterator[str]:
        there = set()
        for name, value in self._named_data():
            there.add(name)
            if not unnamed or _is_unnamed(name):
                yield from leaf_strings(value)
        for name in moved_field_names(self._where(process_audit=False)):
            if name not in there and (not unnamed or _is_unnamed(name)):
                yield from self.values(name)

    def _named_data(self) -> Iterator[tuple[str, Any]]:
        for path in _DATA_MAPS:
            for node in nodes_at(self.event, path.split(".")):
                if isinstance(node, Mapping):
                    yield from node.items()
        for key, value in self.event.items():  # dotted spelling at the top
            if key.startswith(DATA):
                yield key.split(".", 2)[2], value

    def everything(self) -> Values:
        """Give what a keyword is searched in: the message and all values of the event's data."""
        if self._everything is None:
            self._everything = (*self.at("message"), *self._data(unnamed=False))
        return self._everything
