"""The values of a document by their paths, whether its names stand nested, dotted or mixed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watcher.model import Event
from watcher.nesting import MOST_LEVELS, entries, scalars
from watcher.taxonomy.field_locations import parents

Values = tuple[str, ...]
NO_VALUES: Values = ()


def values_at(event: Event, path: str) -> Values:
    """Give every value at a path, as texts.

    The path's names may stand nested, dotted, or mixed; arrays, and arrays of objects, are flattened.
    Empty texts and nulls are no values.
    """
    return tuple(text for value in nodes_at(event, path.split(".")) for text in scalar_strings(value))


def nodes_at(node: Any, names: list[str]) -> Iterator[Any]:
    """Give whatever stands at a path that is split at its dots."""
    if isinstance(node, list):
        for entry in entries(node):
            yield from nodes_at(entry, names)
        return
    if not isinstance(node, Mapping):
        return
    for count in range(1, len(names) + 1):
        key = names[0] if count == 1 else ".".join(names[:count])
        if key in node:
            if count == len(names):
                yield node[key]
            else:
                yield from nodes_at(node[key], names[count:])


def scalar_strings(value: Any) -> Iterator[str]:
    """Write the values of an array or of one leaf as texts."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, int):
        yield str(value)
    elif isinstance(value, float):
        yield str(int(value)) if value.is_integer() else repr(value)
    elif isinstance(value, list):
        for entry in entries(value):
            yield from scalar_strings(entry)


def leaf_strings(value: Any) -> Iterator[str]:
    """Write every value below a node as texts."""
    for scalar in scalars(value):
        yield from scalar_strings(scalar)


def leaf_objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Give an object, or the objects of arrays."""
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list):
        yield from (entry for entry in entries(value) if isinstance(entry, Mapping))


class FlatEvent(Mapping[str, Values]):
    """Every value of a document that is looked at, as texts under its path."""

    __slots__ = ("first", "further")

    def __init__(self) -> None:
        self.first: dict[str, str] = {}  # nearly all paths have one value only
        self.further: dict[str, list[str]] = {}

    def add(self, path: str, value: str) -> None:
        """Put one value more to a path."""
        if path in self.first:
            self.further.setdefault(path, []).append(value)
        else:
            self.first[path] = value

    def at(self, path: str) -> Values:
        """Give the values at a path."""
        first = self.first.get(path)
        if first is None:
            return NO_VALUES
        return (first, *self.further[path]) if path in self.further else (first,)

    def text(self) -> str:
        """Give all values as one text, NUL between them."""
        text = "\0".join(self.first.values())
        return "\0".join((text, *(one for values in self.further.values() for one in values))) if self.further else text

    def __getitem__(self, path: str) -> Values:
        if path not in self.first:
            raise KeyError(path)
        return self.at(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self.first)

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, slots=True)
class _PathNode:
    """What is known of one path of documents."""

    path: str
    before: str  # of the paths below
    below: dict[str, _PathNode] | None  # by name; None: nobody looks at what stands here


_MAX_PATHS = 16_384  # whoever writes events may make up names without end, and as long as they like
_LONGEST = 300


class FieldFilter:
    """The paths of documents that are looked at; every path is worked out once, and not for each document."""

    __slots__ = ("_above", "_known", "_paths", "_places", "_root")

    def __init__(self, paths: Iterable[str] | None = None) -> None:
        """Look at what stands at or below some paths, at everything where none are given."""
        self._paths = None if paths is None else frozenset(paths)
        self._above = frozenset(above for path in self._paths or () for above in parents(path))
        self._places: dict[str, _PathNode] = {}
        self._root = _PathNode("", "", self._places)
        self._known = 0

    def values(self, document: Event) -> FlatEvent:
        """Give every value that is looked at under its path."""
        found = FlatEvent()
        self._spread(document, self._root, found, MOST_LEVELS)
        return found

    def _spread(self, node: Mapping[str, Any], above: _PathNode, into: FlatEvent, levels: int) -> None:
        """Put what an object holds to its paths; at the last level all that lies below counts as values there."""
        first = into.first
        locations = above.below
        if locations is None:
            return
        for name, value in node.items():
            location = locations.get(name) or self._learnt(above, name, locations)
            if location.below is None:
                continue
            kind = type(value)
            if kind is str:
                if value:
                    path = location.path
                    if path in first:
                        into.add(path, value)
                    else:
                        first[path] = value
            elif kind is dict and levels:
                self._spread(value, location, into, levels - 1)
            elif value is not None:
                self._spread_other(value, location, into, levels)

    def _spread_other(self, value: Any, location: _PathNode, into: FlatEvent, levels: int) -> None:
        if isinstance(value, list):
            for entry in entries(value):
                self._spread_other(entry, location, into, levels)
        elif not isinstance(value, Mapping):
            for text in scalar_strings(value):
                into.add(location.path, text)
        elif levels:
            self._spread(value, location, into, levels - 1)
        else:
            for text in leaf_strings(value):
                into.add(location.path, text)

    def _learnt(self, above: _PathNode, name: str, locations: dict[str, _PathNode]) -> _PathNode:
        path = above.before + name
        location = _PathNode(path, path + ".", {} if self._is_looked_at(path) else None)
        if self._known >= _MAX_PATHS:
            self._places.clear()
            self._known = 0
        if len(path) <= _LONGEST:
            locations[name] = location
            self._known += 1
        return location

    def _is_looked_at(self, path: str) -> bool:
        paths = self._paths
        if paths is None or path in paths or path in self._above:
            return True
        return not paths.isdisjoint(parents(path))


ALL_FIELDS = FieldFilter()
"""Of documents that are looked at whole."""
