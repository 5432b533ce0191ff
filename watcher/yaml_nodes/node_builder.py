"""PyYAML's events to nodes, with limits of depth and size.

PyYAML scans, parses and resolves. Its constructor of mappings is not used, because it silently drops duplicate keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from watcher.errors import InputError, SettingsError
from watcher.model import Location
from watcher.printable import truncate
from watcher.yaml_nodes.block_style import read_block_style
from watcher.yaml_nodes.nodes import ListNode, MapNode, MappingEntry, ScalarNode, ScalarValue, YamlNode
from watcher.yaml_nodes.plain_scalars import CORE, NOT_ALWAYS_STRINGS, SCALAR_TAGS, plain_value, tagged_value

MAX_DEPTH = 64  # of nested mappings and lists; the deepest rule of SigmaHQ has 6
MAX_NODES = 100_000  # of one document, with every alias expanded


def build_nodes(text: str, *, file: str, fault: type[InputError]) -> tuple[tuple[YamlNode, int], ...]:
    """Return each document and the line (from 0) where it starts."""
    document = read_block_style(text, file=file)
    return build_parsed_nodes(text, file=file, fault=fault) if document is None else (document,)


def build_parsed_nodes(text: str, *, file: str, fault: type[InputError]) -> tuple[tuple[YamlNode, int], ...]:
    """Return the documents of a text in any style, as PyYAML parses it."""
    # libyaml is seven times as fast, but accepts some tabs and explains less: texts with tabs are read in Python
    if yaml.__with_libyaml__ and "\t" not in text:
        try:
            return tuple(_Builder(yaml.CSafeLoader(text).get_event, file, fault).documents())
        except yaml.MarkedYAMLError:
            pass
    return tuple(_Builder(yaml.SafeLoader(text).get_event, file, fault).documents())


_LONGEST_SHOWN = 100  # characters of a value in a message


@dataclass(slots=True)
class _Builder:
    """Builds nodes from the parser's events, and limits depth and size."""

    next_event: Callable[[], Any]  # yaml.Event; the stubs make marks optional, but the parsers set them all
    file: str
    fault: type[InputError]
    anchors: dict[str, tuple[YamlNode, int] | None] = field(default_factory=dict)  # None: still open
    count: int = 0

    def documents(self) -> Iterator[tuple[YamlNode, int]]:
        while not isinstance(event := self.next_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
                self.count = 0
                mark: Any = event.start_mark
                yield self._node(self.next_event(), 1), mark.line

    def _node(self, event: Any, depth: int) -> YamlNode:
        if event.__class__ is yaml.ScalarEvent and event.tag is None and event.anchor is None and depth <= MAX_DEPTH:
            self.count += 1  # most values
            if self.count > MAX_NODES:
                self._grow(0, event)
            return self._untagged_scalar(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._grow(1, event)
        if depth > MAX_DEPTH:
            raise self._fault(event, "yaml-size", f"more than {MAX_DEPTH} nested mappings and lists")
        count = self.count
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node = self._content(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, 1 + self.count - count)
        return node

    def _content(self, event: Any, depth: int) -> YamlNode:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            self._tag(event, ("seq",))
            items = []
            while (child := self.next_event()).__class__ is not yaml.SequenceEndEvent:
                items.append(self._node(child, depth + 1))
            return ListNode(items=tuple(items), location=self._location(event))
        self._tag(event, ("map",))
        return self._mapping(event, depth)

    def _mapping(self, event: Any, depth: int) -> MapNode:
        own: list[MappingEntry] = []
        merged: list[YamlNode] = []
        node, next_event, below = self._node, self.next_event, depth + 1
        while (key_event := next_event()).__class__ is not yaml.MappingEndEvent:
            key = node(key_event, below)
            if key.__class__ is not ScalarNode:
                raise self._fault(key_event, "yaml-syntax", "a key must be a scalar, not a list or a mapping")
            value = node(next_event(), below)
            if key.text == "<<" and not key.quoted:
                merged = [*self._merge_sources(value), *merged]  # a later merge overrides an earlier one
            else:
                own.append(MappingEntry(key=key.value, key_text=key.text, key_location=key.location, value=value))
        entries = (*_inherited(own, merged), *own) if merged else tuple(own)
        return MapNode(entries=entries, location=self._location(event))

    def _merge_sources(self, value: YamlNode) -> tuple[YamlNode, ...]:
        sources = value.items if isinstance(value, ListNode) else (value,)
        for source in sources:
            if not isinstance(source, MapNode):
                raise self.fault(
                    "`<<` merges a mapping, and this is not a mapping",
                    location=source.location,
                    fix="write `<<: *name` with the anchor of a mapping, or put the key `<<` in quotes",
                    code="yaml-alias",
                )
        return sources

    def _alias(self, event: Any) -> YamlNode:
        name = event.anchor
        if self._hides_values and self.anchors.get(name) is None:
            raise self._fault(
                event,
                "yaml-alias",
                "a value that starts with `*` refers to an anchor, which is not defined before it",
                "put the value in single quotes",
            )
        if name not in self.anchors:
            raise self._fault(
                event,
                "yaml-alias",
                f"`*{name}` refers to `&{name}`, which is not defined before it",
                f"put a value that starts with `*` in quotes: `'*{name}…'`",
            )
        anchored = self.anchors[name]
        if anchored is None:
            raise self._fault(event, "yaml-alias", f"`*{name}` refers to a value that contains it")
        node, size = anchored
        self._grow(size, event)
        return node

    def _untagged_scalar(self, event: Any) -> ScalarNode:
        text = _text(event)
        value: ScalarValue = text
        if event.implicit[0] and text[:1] in NOT_ALWAYS_STRINGS:
            value = plain_value(text)
        mark = event.start_mark
        location = Location(file=self.file, line=mark.line + 1, column=mark.column + 1)
        return ScalarNode(value=value, text=text, quoted=bool(event.style), location=location)

    def _scalar(self, event: Any) -> ScalarNode:
        explicit = self._tag(event, SCALAR_TAGS)
        if explicit is None:
            return self._untagged_scalar(event)
        text = _text(event)
        value: ScalarValue = text
        if explicit != "str":
            try:
                value = tagged_value(explicit, event.value)
            except (ValueError, KeyError, AttributeError, OverflowError):
                shown = "the value" if self._hides_values else f"`{truncate(event.value, _LONGEST_SHOWN)}`"
                raise self._fault(event, "yaml-tag", f"{shown} is not a valid `!!{explicit}`") from None
        return ScalarNode(value=value, text=text, quoted=bool(event.style), location=self._location(event))

    def _tag(self, event: Any, allowed: tuple[str, ...]) -> str | None:
        """Return the explicit core tag, None if there is none."""
        if event.tag is None or event.tag == "!":
            return None
        name = str(event.tag).removeprefix(CORE)
        if name not in allowed or not str(event.tag).startswith(CORE):
            if self._hides_values:
                message = "a value that starts with `!` is read as a tag, and the tag is not supported"
                raise self._fault(event, "yaml-tag", message, "put the value in single quotes")
            shown = event.tag if name == event.tag else f"!!{name}"
            raise self._fault(
                event,
                "yaml-tag",
                f"the tag `{shown}` is not supported",
                "remove it, or put a value that starts with `!` in quotes",
            )
        return name

    def _grow(self, size: int, event: Any) -> None:
        self.count += size
        if self.count > MAX_NODES:
            raise self._fault(event, "yaml-size", f"the document has more than {MAX_NODES} values")

    def _location(self, event: Any) -> Location:
        return Location(file=self.file, line=event.start_mark.line + 1, column=event.start_mark.column + 1)

    @property
    def _hides_values(self) -> bool:
        """Whether a value may be a secret that somebody left without quotes, so that no message shows it."""
        return issubclass(self.fault, SettingsError)

    def _fault(self, event: Any, code: str, message: str, fix: str = "") -> InputError:
        return self.fault(message, location=self._location(event), fix=fix, code=code)


def _text(event: Any) -> str:
    """Return the text of a scalar; JSON escapes a character beyond U+FFFF as a pair of surrogates, which are joined."""
    text: str = event.value
    if event.style != '"' or text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _inherited(own: list[MappingEntry], merged: list[YamlNode]) -> list[MappingEntry]:
    """Return the entries merged by `<<`: own keys take precedence, then the mapping merged first."""
    taken = {entry.key for entry in own}
    entries: list[MappingEntry] = []
    for source in merged:
        if isinstance(source, MapNode):
            entries.extend(entry for entry in source.entries if entry.key not in taken)
            taken.update(entry.key for entry in source.entries)
    return entries
