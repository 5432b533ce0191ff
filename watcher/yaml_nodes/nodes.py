"""YAML nodes with every duplicate key, and with line and column.

A scalar keeps its source beside its value: `010` is the number 8, its text is `010`. Nodes are structs, because a
collection of rules has some hundred thousand: they are created five times as fast as frozen dataclasses. Without
cycles they need no garbage collector.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from watcher.model import Location

ScalarValue = str | int | float | bool | None | date | datetime


class ScalarNode(Struct, frozen=True, kw_only=True, gc=False):
    """A scalar: its value in YAML, and its source."""

    value: ScalarValue  # as of PyYAML's `safe_load`; an invalid date is a string
    text: str  # as written, without quotes, escape sequences resolved
    quoted: bool  # in quotes or as a block, and thus always a string
    location: Location


class ListNode(Struct, frozen=True, kw_only=True, gc=False):
    """A list."""

    items: tuple[YamlNode, ...]
    location: Location


class MappingEntry(Struct, frozen=True, kw_only=True, gc=False):
    """One key of a mapping and its value."""

    key: Any  # as of PyYAML's `safe_load`: `4688` is a number, `on` is true
    key_text: str  # as written
    key_location: Location
    value: YamlNode


class MapNode(Struct, frozen=True, kw_only=True, gc=False):
    """A mapping with every entry in the order of the file, including duplicate keys."""

    entries: tuple[MappingEntry, ...]
    location: Location

    def get(self, key: object) -> YamlNode | None:
        """Return the value of a key, the last one of a duplicate key, None if it is missing."""
        for entry in reversed(self.entries):
            if entry.key == key:
                return entry.value
        return None

    def all(self, key: object) -> tuple[YamlNode, ...]:
        """Return the values of every entry with that key."""
        return tuple([entry.value for entry in self.entries if entry.key == key])

    def by_key(self) -> dict[Any, list[YamlNode]]:
        """Return the values of each key, of a duplicate key in the order of the file."""
        values: dict[Any, list[YamlNode]] = {}
        for entry in self.entries:
            values.setdefault(entry.key, []).append(entry.value)
        return values

    def duplicates(self) -> tuple[tuple[MappingEntry, ...], ...]:
        """Return the entries with duplicate keys, one group per key."""
        if len(self.entries) < 2 or len({entry.key for entry in self.entries}) == len(self.entries):  # nearly all
            return ()
        duplicated = [key for key, count in Counter(entry.key for entry in self.entries).items() if count > 1]
        return tuple(tuple(entry for entry in self.entries if entry.key == key) for key in duplicated)


YamlNode = MapNode | ListNode | ScalarNode


def to_python(value: YamlNode) -> Any:
    """Convert a node to dicts, lists and scalars; the last of duplicate keys is used."""
    if isinstance(value, MapNode):
        return {entry.key: to_python(entry.value) for entry in value.entries}
    if isinstance(value, ListNode):
        return [to_python(item) for item in value.items]
    return value.value
