"""Sigma field → the paths where its values may stand in the indices at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from watcher.model import Query
from watcher.ports import IndexMapping
from watcher.settings import Source
from watcher.taxonomy.field_locations import DATA, field_locations, is_certain
from watcher.taxonomy.logsources import EventClass, LogSourceEvents
from watcher.translate.bounds import EVERYTHING, NEVER, NOTHING, Bounds, all_of, any_of, at_least, either, none_of
from watcher.translate.mapped import MappedField

ClauseBuilder = Callable[[MappedField], Bounds]

UNNAMED = tuple(
    f"{prefix}param{number}" for prefix, most in zip(DATA, (128, 32), strict=True) for number in range(1, most + 1)
)
"""The paths of values that Windows gives no name: no event of Windows has more."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldPaths:
    """Where the values of one field may stand in one part of a log source; paths that no index has are left out."""

    sure: tuple[MappedField, ...]  # each value there is one of the field's
    possible: tuple[MappedField, ...]  # here it is one in some events
    fallback: tuple[MappedField, ...]  # read only where `sure` and `possible` hold nothing
    absent: Query  # surely nothing at `sure` and `possible`
    rebuilt: Query  # there is something that the value may be built from

    def bounds(self, build: ClauseBuilder) -> Bounds:
        """Build the clause of any value of the field."""
        parts = [build(mapped) for mapped in self.sure]
        parts.extend(at_least(build(mapped).upper) for mapped in self.possible)
        if self.fallback:
            last = either(build(mapped) for mapped in self.fallback)
            parts.append(Bounds(last.upper, all_of((last.lower, self.absent))))
        if self.rebuilt != NOTHING:
            parts.append(at_least(self.rebuilt))
        return either(parts) if parts else NEVER


@dataclass(frozen=True, slots=True, eq=False)
class FieldResolver:
    """Every path of a source's events as its indices map it; what is asked twice is looked up once."""

    source: Source
    mapping: IndexMapping
    _mapped: dict[tuple[str, tuple[str, ...] | None], MappedField] = field(default_factory=dict, repr=False)
    _routes: dict[tuple[str, EventClass], FieldPaths] = field(default_factory=dict, repr=False)
    _alike: dict[tuple[object, ...], FieldPaths] = field(default_factory=dict, repr=False)

    def mapped(self, path: str, left: tuple[str, ...] | None = None) -> MappedField:
        """Bring a path together with the mapping.

        `left` are the paths at which the same value stands in events that this path was not moved to.
        """
        key = (path, left)
        found = self._mapped.get(key)
        if found is None:
            found = self._mapped[key] = MappedField(
                path, self.mapping, EVERYTHING if left is None else self._without(left)
            )
        return found

    def _without(self, left: Iterable[str]) -> Query:
        """Build the clause for the events whose data do not hold the value by its own name.

        A module moves a value away or leaves it: where it is left, what was too long elsewhere is found there.
        """
        types = [one for path in left for one in self.mapping.fields.get(path, ())]
        if any(one.ignore_above is not None or one.ignore_malformed for one in types):
            return EVERYTHING
        return none_of(any_of(self.mapped(path).exists().upper for path in left))

    def field_paths(self, name: str, where: EventClass) -> FieldPaths:
        """Tell where a field's values may stand; fields that are read alike get the same answer."""
        found = self._routes.get((name, where))
        if found is None:
            found = self._routes[name, where] = self._route(name, where)
        return found

    def _route(self, name: str, where: EventClass) -> FieldPaths:
        there = field_locations(name, where)
        added = self.source.fields.get(name, ())
        left = tuple(path for path in there.direct if path.startswith(DATA))
        sure: list[MappedField] = []
        possible: list[MappedField] = []
        for path in dict.fromkeys((*there.direct, *added)):
            own = path.startswith(DATA) or path in added
            mapped = self.mapped(path, None if own else left)
            if mapped.is_possible:
                (sure if path in added or is_certain(name, path, where) else possible).append(mapped)
        if name == "Data":
            possible.extend(mapped for path in UNNAMED if (mapped := self.mapped(path)).is_possible)
        fallback = tuple(mapped for path in there.fallback if (mapped := self.mapped(path)).is_possible)
        parts = tuple(
            mapped
            for built in there.computed
            for path in built.paths
            if (mapped := self.mapped(path, left)).is_possible
        )
        return self._once(tuple(sure), tuple(possible), fallback, parts)

    def _once(
        self,
        sure: tuple[MappedField, ...],
        possible: tuple[MappedField, ...],
        fallback: tuple[MappedField, ...],
        parts: tuple[MappedField, ...],
    ) -> FieldPaths:
        key = (sure, possible, fallback, parts)
        found = self._alike.get(key)
        if found is None:
            found = self._alike[key] = FieldPaths(
                sure=sure,
                possible=possible,
                fallback=fallback,
                absent=none_of(any_of(mapped.exists().upper for mapped in (*sure, *possible))),
                rebuilt=any_of(mapped.exists().upper for mapped in parts),
            )
        return found


def field_paths(name: str, scope: LogSourceEvents, source: Source) -> tuple[str, ...]:
    """Give every path where the values of a field, or parts of them, may stand."""
    paths = list(source.fields.get(name, ()))
    for where in scope.event_classes:
        there = field_locations(name, where)
        paths.extend((*there.direct, *there.fallback, *(path for built in there.computed for path in built.paths)))
    if name == "Data":
        paths.extend(UNNAMED)
    return tuple(dict.fromkeys(paths))
