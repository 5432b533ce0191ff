"""The source of a rule: keys and values with locations, including duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from msgspec import structs

from watcher.model import Location, Rule, RuleMetadata
from watcher.sigma.rule_texts import full_text
from watcher.yaml_nodes.nodes import ListNode, MapNode, MappingEntry, ScalarNode, YamlNode
from watcher.yaml_nodes.yaml_documents import read_sources

_NOT_SELECTIONS = ("condition", "timeframe")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """One entry of a selection: a field with its modifiers and values."""

    selection: str
    field: str  # empty: keywords
    modifiers: tuple[str, ...]
    values: tuple[ScalarNode, ...]
    listed: bool  # the values are in a list
    location: Location

    @property
    def name(self) -> str:
        """The entry as written."""
        return "|".join((self.field, *self.modifiers)) if self.field or self.modifiers else "the keywords"


class MetadataSource:
    """One rule or correlation rule, and the locations of its keys and values."""

    def __init__(self, rule: RuleMetadata) -> None:
        self.rule = rule
        documents = read_sources(full_text(rule), file=rule.location.file)
        mappings = [document.value for document in documents if isinstance(document.value, MapNode)]
        # for a rule merged by `action`, the location is that of the last document
        self.mapping = mappings[-1] if mappings else MapNode(entries=(), location=rule.location)
        self._merged = mappings[:-1]
        self._shift = rule.location.line - self.mapping.location.line

    def at(self, location: Location) -> Location:
        """Return the location in the file of a location in the rule's text."""
        return structs.replace(location, line=location.line + self._shift)

    def key(self, name: str) -> Location:
        """Return the location of a key, or of the rule if it lacks the key."""
        return next(
            (self.at(entry.key_location) for entry in self.mapping.entries if entry.key == name), self.rule.location
        )

    def scalars(self, name: str) -> Iterator[tuple[str, Location]]:
        """Yield the strings under a key, each with its location."""
        for value in self._all(name):
            for node in value.items if isinstance(value, ListNode) else (value,):
                if isinstance(node, ScalarNode) and node.value is not None:
                    yield node.text, self.at(node.location)

    def entries(self, name: str) -> Iterator[MappingEntry]:
        """Yield the entries of the mapping under a key."""
        for value in self._all(name):
            if isinstance(value, MapNode):
                yield from value.entries

    def _all(self, name: str) -> Iterator[YamlNode]:
        for mapping in (*self._merged, self.mapping):
            yield from mapping.all(name)


class RuleSource(MetadataSource):
    """One rule and the locations of its selections and conditions."""

    rule: Rule

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)

    @cached_property
    def selections(self) -> tuple[tuple[str, Location], ...]:
        """The names of the selections."""
        return tuple(
            (str(entry.key), self.at(entry.key_location))
            for entry in self.entries("detection")
            if str(entry.key).lower() not in _NOT_SELECTIONS
        )

    @cached_property
    def conditions(self) -> tuple[tuple[str, Location], ...]:
        """The condition lines."""
        values = (entry.value for entry in self.entries("detection") if str(entry.key).lower() == "condition")
        nodes = (node for value in values for node in (value.items if isinstance(value, ListNode) else (value,)))
        return tuple((node.text, self.at(node.location)) for node in nodes if isinstance(node, ScalarNode))

    @cached_property
    def lines(self) -> tuple[SourceLine, ...]:
        """Every entry of every selection."""
        return tuple(
            line
            for entry in self.entries("detection")
            if str(entry.key).lower() not in _NOT_SELECTIONS
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
            modifiers=tuple(modifier.strip().lower() for modifier in modifiers),
            values=tuple(
                structs.replace(node, location=self.at(node.location)) for node in nodes if isinstance(node, ScalarNode)
            ),
            listed=isinstance(value, ListNode),
            location=self.at(location),
        )
