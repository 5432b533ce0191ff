"""Sigma field → the index fields that may hold its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from watcher.model import Query
from watcher.ports import IndexMapping
from watcher.settings import Source
from watcher.taxonomy.field_locations import DATA, field_locations, is_certain
from watcher.taxonomy.logsources import EventClass, LogSourceEvents
from watcher.translate.bounds import EVERYTHING, NEVER, NOTHING, Bounds, all_of, any_of, at_least, either, none_of
from watcher.translate.field_clauses import MappedField

ClauseBuilder = Callable[[MappedField], Bounds]

UNNAMED_DATA = tuple(
    f"{prefix}param{number}" for prefix, count in zip(DATA, (128, 32), strict=True) for number in range(1, count + 1)
)
"""The paths of values that Windows gives no name: no Windows event has more of them."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldPaths:
    """The index fields that may hold values of one Sigma field in one event class."""

    certain: tuple[MappedField, ...]  # each value there is a value of the field
    possible: tuple[MappedField, ...]  # in some events the value there is one of the field
    fallback: tuple[MappedField, ...]  # read only if `certain` and `possible` hold nothing
    absent: Query  # surely no value at `certain` and `possible`
    computable: Query  # some part exists from which the value may be computed

    def bounds(self, build: ClauseBuilder) -> Bounds:
        """Return the bounds for the events in which any value of the field satisfies a clause."""
        parts = [build(mapped_field) for mapped_field in self.certain]
        parts.extend(at_least(build(mapped_field).upper) for mapped_field in self.possible)
        if self.fallback:
            fallback = either(build(mapped_field) for mapped_field in self.fallback)
            parts.append(Bounds(fallback.upper, all_of((fallback.lower, self.absent))))
        if self.computable != NOTHING:
            parts.append(at_least(self.computable))
        return either(parts) if parts else NEVER


@dataclass(frozen=True, slots=True, eq=False)
class FieldResolver:
    """Resolves Sigma fields to index fields of one source; each answer is computed once."""

    source: Source
    mapping: IndexMapping
    _mapped_fields: dict[tuple[str, tuple[str, ...] | None], MappedField] = field(default_factory=dict, repr=False)
    _resolved: dict[tuple[str, EventClass], FieldPaths] = field(default_factory=dict, repr=False)
    _distinct: dict[tuple[object, ...], FieldPaths] = field(default_factory=dict, repr=False)

    def mapped_field(self, path: str, origins: tuple[str, ...] | None = None) -> MappedField:
        """Return a path with its mapping.

        `origins` are the paths that hold the same value in events whose value no module moved to this path.
        """
        key = (path, origins)
        mapped_field = self._mapped_fields.get(key)
        if mapped_field is None:
            elsewhere = EVERYTHING if origins is None else self._without(origins)
            mapped_field = self._mapped_fields[key] = MappedField(path, self.mapping, elsewhere)
        return mapped_field

    def _without(self, origins: tuple[str, ...]) -> Query:
        """Return the query for the events that hold no value at the origins.

        A module moves a value or leaves it. An event that has it at its origin is returned by the clause there.
        """
        types = [field_type for path in origins for field_type in self.mapping.fields.get(path, ())]
        if any(field_type.ignore_above is not None or field_type.ignore_malformed for field_type in types):
            return EVERYTHING
        return none_of(any_of(self.mapped_field(path).exists().upper for path in origins))

    def resolve(self, name: str, event_class: EventClass) -> FieldPaths:
        """Return the index fields of a Sigma field; fields with the same index fields share one object."""
        field_paths = self._resolved.get((name, event_class))
        if field_paths is None:
            field_paths = self._resolved[name, event_class] = self._resolve(name, event_class)
        return field_paths

    def _resolve(self, name: str, event_class: EventClass) -> FieldPaths:
        locations = field_locations(name, event_class)
        of_settings = self.source.fields.get(name, ())
        origins = tuple(path for path in locations.direct if path.startswith(DATA))
        certain: list[MappedField] = []
        possible: list[MappedField] = []
        for path in dict.fromkeys((*locations.direct, *of_settings)):
            is_origin = path.startswith(DATA) or path in of_settings
            mapped_field = self.mapped_field(path, None if is_origin else origins)
            if mapped_field.is_possible:
                is_sure = path in of_settings or is_certain(name, path, event_class)
                (certain if is_sure else possible).append(mapped_field)
        if name == "Data":
            possible.extend(self._possible_fields(UNNAMED_DATA))
        parts = tuple(path for computed in locations.computed for path in computed.paths)
        return self._shared(
            tuple(certain),
            tuple(possible),
            fallback=self._possible_fields(locations.fallback),
            parts=self._possible_fields(parts, origins),
        )

    def _possible_fields(
        self, paths: tuple[str, ...], origins: tuple[str, ...] | None = None
    ) -> tuple[MappedField, ...]:
        mapped_fields = (self.mapped_field(path, origins) for path in paths)
        return tuple(mapped_field for mapped_field in mapped_fields if mapped_field.is_possible)

    def _shared(
        self,
        certain: tuple[MappedField, ...],
        possible: tuple[MappedField, ...],
        *,
        fallback: tuple[MappedField, ...],
        parts: tuple[MappedField, ...],
    ) -> FieldPaths:
        """Return one object for equal paths, so that their clauses are built once and appear once in a query."""
        key = (certain, possible, fallback, parts)
        field_paths = self._distinct.get(key)
        if field_paths is None:
            field_paths = self._distinct[key] = FieldPaths(
                certain=certain,
                possible=possible,
                fallback=fallback,
                absent=none_of(any_of(mapped_field.exists().upper for mapped_field in (*certain, *possible))),
                computable=any_of(mapped_field.exists().upper for mapped_field in parts),
            )
        return field_paths


def field_paths(name: str, events: LogSourceEvents, source: Source) -> tuple[str, ...]:
    """Return every path that may hold values of a Sigma field, or parts of them."""
    paths = list(source.fields.get(name, ()))
    for event_class in events.event_classes:
        locations = field_locations(name, event_class)
        paths.extend((*locations.direct, *locations.fallback))
        paths.extend(path for computed in locations.computed for path in computed.paths)
    if name == "Data":
        paths.extend(UNNAMED_DATA)
    return tuple(dict.fromkeys(paths))
