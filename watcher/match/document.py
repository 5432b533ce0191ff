"""The values of a document by their paths, whether its names stand nested, dotted or mixed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watcher.model import Event
from watcher.taxonomy.fields import parents

Values = tuple[str, ...]
NO_VALUES: Values = ()


def values_at(event: Event, path: str) -> Values:
    """Give every value at a path, as texts.

    The path's names may stand nested, dotted, or mixed; arrays, and arrays of objects, are flattened.
    Empty texts and nulls are no values.
    """
    return tuple(text for value in walk(event, path.split(".")) for text in texts(value))


def walk(node: Any, names: list[str]) -> Iterator[Any]:
    """Give whatever stands at a path that is split at its dots."""
    if isinstance(node, list):
        for one in node:
            yield from walk(one, names)
        return
    if not isinstance(node, Mapping):
        return
    for count in range(1, len(names) + 1):
        key = names[0] if count == 1 else ".".join(names[:count])
        if key in node:
            if count == len(names):
                yield node[key]
            else:
                yield from walk(node[key], names[count:])


def texts(value: Any) -> Iterator[str]:
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
        for one in value:
            yield from texts(one)


def leaves(value: Any) -> Iterator[str]:
    """Write every value below a node as texts."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield from texts(value)


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Give an object, or the objects of arrays."""
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from objects(one)


class Spread(Mapping[str, Values]):
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
class _Place:
    """What is known of one path of documents."""

    path: str
    before: str  # of the paths below
    below: dict[str, _Place] | None  # by name; None: nobody looks at what stands here


_MOST_PLACES = 16_384  # whoever writes events may make up names without end, and as long as they like
_LONGEST = 300


class Outline:
    """The paths of documents that are looked at; every path is worked out once, and not for each document."""

    __slots__ = ("_above", "_known", "_paths", "_places")

    def __init__(self, paths: Iterable[str] | None = None) -> None:
        """Look at what stands at or below some paths, at everything where none are given."""
        self._paths = None if paths is None else frozenset(paths)
        self._above = frozenset(above for path in self._paths or () for above in parents(path))
        self._places: dict[str, _Place] = {}
        self._known = 0

    def values(self, document: Event) -> Spread:
        """Give every value that is looked at under its path."""
        found = Spread()
        self._spread(document, "", self._places, found)
        return found

    def _spread(self, node: Mapping[str, Any], before: str, places: dict[str, _Place], into: Spread) -> None:
        first = into.first
        for name, value in node.items():
            place = places.get(name) or self._learnt(before, name, places)
            if place.below is None:
                continue
            kind = type(value)
            if kind is str:
                if value:
                    path = place.path
                    if path in first:
                        into.add(path, value)
                    else:
                        first[path] = value
            elif kind is dict:
                self._spread(value, place.before, place.below, into)
            elif value is not None:
                self._spread_other(value, place, into)

    def _spread_other(self, value: Any, place: _Place, into: Spread) -> None:
        if isinstance(value, list):
            for one in value:
                self._spread_other(one, place, into)
        elif isinstance(value, Mapping):
            self._spread(value, place.before, place.below or {}, into)
        else:
            for text in texts(value):
                into.add(place.path, text)

    def _learnt(self, before: str, name: str, places: dict[str, _Place]) -> _Place:
        path = before + name
        place = _Place(path, path + ".", {} if self._is_looked_at(path) else None)
        if self._known >= _MOST_PLACES:
            self._places.clear()
            self._known = 0
        if len(path) <= _LONGEST:
            places[name] = place
            self._known += 1
        return place

    def _is_looked_at(self, path: str) -> bool:
        paths = self._paths
        if paths is None or path in paths or path in self._above:
            return True
        return not paths.isdisjoint(parents(path))


WHOLE = Outline()
"""Of documents that are looked at whole."""
