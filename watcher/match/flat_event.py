"""The values of a document by their paths, whether its names are nested, dotted or mixed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from watcher.model import Event
from watcher.nesting import MOST_LEVELS, entries, scalars
from watcher.taxonomy.field_locations import parents

Values = tuple[str, ...]
NO_VALUES: Values = ()


def values_at(event: Event, path: str) -> Values:
    """Return every value at a path, as strings.

    The names of the path may be nested, dotted, or mixed; arrays, and arrays of objects, are flattened.
    Empty strings and nulls are no values.
    """
    return tuple(text for value in nodes_at(event, path.split(".")) for text in scalar_strings(value))


def nodes_at(node: Any, names: list[str]) -> Iterator[Any]:
    """Yield every node at a path that is split at its dots."""
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
    """Yield the values of an array or of one leaf as strings."""
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
    """Yield every value below a node as a string."""
    for scalar in scalars(value):
        yield from scalar_strings(scalar)


def leaf_objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield an object, or the objects of an array."""
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list):
        yield from (entry for entry in entries(value) if isinstance(entry, Mapping))


class FlatEvent(Mapping[str, Values]):
    """The values of a document as strings, by path."""

    __slots__ = ("first", "further")

    def __init__(self) -> None:
        self.first: dict[str, str] = {}  # nearly all paths have one value only
        self.further: dict[str, list[str]] = {}

    def add(self, path: str, value: str) -> None:
        """Add a value at a path."""
        if path in self.first:
            self.further.setdefault(path, []).append(value)
        else:
            self.first[path] = value

    def at(self, path: str) -> Values:
        """Return the values at a path."""
        first = self.first.get(path)
        if first is None:
            return NO_VALUES
        return (first, *self.further[path]) if path in self.further else (first,)

    def single_values(self, paths: Sequence[str]) -> tuple[str | None, ...] | None:
        """Return the value at each of some paths, None at a path without one; None if a path has several values."""
        if self.further and not self.further.keys().isdisjoint(paths):
            return None
        return tuple(map(self.first.get, paths))

    def text(self) -> str:
        """Return all values as one string, with NUL between them."""
        text = "\0".join(self.first.values())
        return "\0".join((text, *chain.from_iterable(self.further.values()))) if self.further else text

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
    """One path of documents, with the paths directly below it."""

    path: str
    prefix: str  # of the paths below
    paths: dict[str, str | None]  # of the values directly below, by name; None: the path is filtered out
    objects: dict[str, _PathNode]  # below it that are not filtered out, by name


_Remembered = TypeVar("_Remembered")

_MAX_PATHS = 16_384  # whoever writes events may invent any number of names, of any length
_MAX_PATH_LENGTH = 300


class FieldFilter:
    """The paths of documents that are flattened; each path is decided once, not for each document."""

    __slots__ = ("__weakref__", "_count", "_parents", "_paths", "_root")

    def __init__(self, paths: Iterable[str] | None = None) -> None:
        """Keep the values at or below some paths, or all of them."""
        self._paths = None if paths is None else frozenset(paths)
        self._parents = frozenset(parent for path in self._paths or () for parent in parents(path))
        self._root = _PathNode("", "", {}, {})
        self._count = 0

    def flatten(self, document: Event) -> FlatEvent:
        """Return the values of a document at the paths that are kept."""
        flat = FlatEvent()
        self._add_object(document, self._root, flat, MOST_LEVELS)
        return flat

    def _add_object(self, node: Mapping[str, Any], parent: _PathNode, flat: FlatEvent, levels: int) -> None:
        """Add the values of an object; below the last level, all values belong to that level."""
        first = flat.first
        paths = parent.paths
        for name, value in node.items():
            try:
                path = paths[name]
            except KeyError:
                path = self._new_path(parent, name)
            if path is None:
                continue
            kind = type(value)
            if kind is str or kind is int:
                if kind is int or value:
                    if path in first:
                        flat.add(path, str(value))
                    else:
                        first[path] = value if kind is str else str(value)
            elif kind is dict and levels:
                self._add_object(value, parent.objects.get(name) or self._new_node(parent, name), flat, levels - 1)
            elif value is not None:
                self._add_other(value, parent.objects.get(name) or self._new_node(parent, name), flat, levels)

    def _add_other(self, value: Any, node: _PathNode, flat: FlatEvent, levels: int) -> None:
        if isinstance(value, (str, int, float)):
            for text in scalar_strings(value):
                flat.add(node.path, text)
        elif isinstance(value, list):
            for entry in entries(value):
                self._add_other(entry, node, flat, levels)
        elif isinstance(value, Mapping):
            if levels:
                self._add_object(value, node, flat, levels - 1)
                return
            for text in leaf_strings(value):
                flat.add(node.path, text)

    def _new_path(self, parent: _PathNode, name: str) -> str | None:
        path = parent.prefix + name
        kept = path if self._keeps(path) else None
        self._remember(parent.paths, name, kept, len(path))
        return kept

    def _new_node(self, parent: _PathNode, name: str) -> _PathNode:
        path = parent.prefix + name
        node = _PathNode(path, path + ".", {}, {})
        self._remember(parent.objects, name, node, len(path))
        return node

    def _remember(self, names: dict[str, _Remembered], name: str, value: _Remembered, length: int) -> None:
        if self._count >= _MAX_PATHS:
            self._root.paths.clear()
            self._root.objects.clear()
            self._count = 0
        if length <= _MAX_PATH_LENGTH:
            names[name] = value
            self._count += 1

    def _keeps(self, path: str) -> bool:
        paths = self._paths
        if paths is None or path in paths or path in self._parents:
            return True
        return not paths.isdisjoint(parents(path))


ALL_FIELDS = FieldFilter()
"""The filter that keeps every path."""
