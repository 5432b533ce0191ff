"""A rule as its author wrote it: keys and values with their places, duplicates too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from watcher.model import Location, Rule
from watcher.yaml_nodes.nodes import Entry, ListNode, MapNode, ScalarNode, YamlNode, read_sources

_NO_SELECTIONS = ("condition", "timeframe")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """One entry of a selection: a field with its modifiers and values."""

    selection: str
    field: str  # empty: keywords
    modifiers: tuple[str, ...]
    values: tuple[ScalarNode, ...]
    listed: bool  # the values stand in a list
    location: Location

    @property
    def name(self) -> str:
        """The entry as it is written."""
        return "|".join((self.field, *self.modifiers)) if self.field or self.modifiers else "the keywords"


class RuleSource:
    """One rule and the places of what stands in it."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        documents = read_sources(rule.text, file=rule.location.file)
        maps = [one.value for one in documents if isinstance(one.value, MapNode)]
        # of a rule put together by `action` the last document is the one whose place is known
        self.map = maps[-1] if maps else MapNode(entries=(), location=rule.location)
        self._before = maps[:-1]
        self._shift = rule.location.line - self.map.location.line

    def at(self, location: Location) -> Location:
        """Give the place in the file of a place in the rule's text."""
        return replace(location, line=location.line + self._shift)

    def key(self, name: str) -> Location:
        """Give the place of a key, that of the rule where it does not have it."""
        return next(
            (self.at(entry.key_location) for entry in self.map.entries if entry.key == name), self.rule.location
        )

    def scalars(self, name: str) -> Iterator[tuple[str, Location]]:
        """Give the texts under a key, each with its place."""
        for value in self._all(name):
            for node in value.items if isinstance(value, ListNode) else (value,):
                if isinstance(node, ScalarNode) and node.value is not None:
                    yield node.text, self.at(node.location)

    def entries(self, name: str) -> Iterator[Entry]:
        """Give the entries of the map under a key."""
        for value in self._all(name):
            if isinstance(value, MapNode):
                yield from value.entries

    def _all(self, name: str) -> Iterator[YamlNode]:
        for one in (*self._before, self.map):
            yield from one.all(name)

    @cached_property
    def selections(self) -> tuple[tuple[str, Location], ...]:
        """The names of the selections."""
        return tuple(
            (str(entry.key), self.at(entry.key_location))
            for entry in self.entries("detection")
            if str(entry.key).lower() not in _NO_SELECTIONS
        )

    @cached_property
    def conditions(self) -> tuple[tuple[str, Location], ...]:
        """The condition lines."""
        found = (entry.value for entry in self.entries("detection") if str(entry.key).lower() == "condition")
        nodes = (node for value in found for node in (value.items if isinstance(value, ListNode) else (value,)))
        return tuple((node.text, self.at(node.location)) for node in nodes if isinstance(node, ScalarNode))

    @cached_property
    def lines(self) -> tuple[SourceLine, ...]:
        """Every entry of every selection."""
        return tuple(
            line
            for entry in self.entries("detection")
            if str(entry.key).lower() not in _NO_SELECTIONS
            for line in self._lines(str(entry.key), entry.value)
        )

    def _lines(self, selection: str, value: YamlNode) -> Iterator[SourceLine]:
        if isinstance(value, MapNode):
            for entry in value.entries:
                name, *modifiers = entry.key_text.split("|")
                yield self._line(selection, entry.value, entry.key_location, name.strip(), tuple(modifiers))
        elif isinstance(value, ListNode):
            for item in value.items:
                if not isinstance(item, ScalarNode):
                    yield from self._lines(selection, item)
            if any(isinstance(item, ScalarNode) for item in value.items):
                yield self._line(selection, value, value.location, "", ())
        else:
            yield self._line(selection, value, value.location, "", ())

    def _line(
        self, selection: str, value: YamlNode, location: Location, name: str, modifiers: tuple[str, ...]
    ) -> SourceLine:
        nodes = value.items if isinstance(value, ListNode) else (value,)
        return SourceLine(
            selection=selection,
            field=name,
            modifiers=tuple(one.strip().lower() for one in modifiers),
            values=tuple(
                replace(node, location=self.at(node.location)) for node in nodes if isinstance(node, ScalarNode)
            ),
            listed=isinstance(value, ListNode),
            location=self.at(location),
        )
