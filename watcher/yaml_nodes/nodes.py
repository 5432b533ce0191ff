"""YAML text → nodes that keep every duplicate key, with line and column.

PyYAML scans, parses and resolves; its constructor of mappings, which lets the last of two equal keys win in silence,
is not used. What the author wrote stays beside what YAML makes of it: `010` is the number 8, its text is `010`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from watcher.errors import InputError, RuleError
from watcher.model import Finding, Location
from watcher.yaml_nodes.syntax_errors import explain, unreadable_character
from watcher.yaml_nodes.tabs import repair_tabs

DEEPEST = 64  # maps and lists in each other; the deepest rule of SigmaHQ has 6
MOST_NODES = 100_000  # of one document, with every alias written out

ScalarValue = str | int | float | bool | None | date | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarNode:
    """One value: what YAML makes of it, and what the author wrote."""

    value: ScalarValue  # as PyYAML's `safe_load` gives it; a date that does not exist stays a string
    text: str  # as written, without quotes, escapes resolved
    quoted: bool  # in quotes or as a block, so a string whatever it looks like
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    """A list."""

    items: tuple[YamlNode, ...]
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key of a map and its value."""

    key: Any  # as PyYAML's `safe_load` gives it: `4688` is a number, `on` is true
    key_text: str  # as written
    key_location: Location
    value: YamlNode


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """A map, with every entry in the order of the file, equal keys too."""

    entries: tuple[Entry, ...]
    location: Location

    def get(self, key: object) -> YamlNode | None:
        """Give the value of a key, the last one where the key stands twice, None where it is missing."""
        return next((entry.value for entry in reversed(self.entries) if entry.key == key), None)

    def all(self, key: object) -> tuple[YamlNode, ...]:
        """Give the values of every entry with that key."""
        return tuple(entry.value for entry in self.entries if entry.key == key)

    def duplicates(self) -> tuple[tuple[Entry, ...], ...]:
        """Give the entries whose key stands more than once, one group per key."""
        often = [key for key, count in Counter(entry.key for entry in self.entries).items() if count > 1]
        return tuple(tuple(entry for entry in self.entries if entry.key == key) for key in often)


YamlNode = MapNode | ListNode | ScalarNode


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One document of a file, with its source."""

    value: YamlNode
    line: int  # where its source text starts
    text: str  # its source; the `---` that opens a later document is not part of it
    findings: tuple[Finding, ...] = ()  # tabs that were read as spaces


def read_documents(text: str, *, file: str, fault: type[InputError] = RuleError) -> tuple[YamlNode, ...]:
    """Read every document of a YAML text; an empty one is a ScalarNode of None."""
    return tuple(document.value for document in read_sources(text, file=file, fault=fault))


def read_sources(text: str, *, file: str, fault: type[InputError] = RuleError) -> tuple[YamlDocument, ...]:
    """Read every document of a YAML text together with its source and the tabs that were read as spaces.

    Raises the class `fault` with place, sentence and next step where the text is not YAML, or too deep or too large.
    """
    text = re.sub(r"^\ufeff+|^\ufeff+(?=---)", "", text, flags=re.MULTILINE)
    unreadable_character(text, file=file, fault=fault)
    try:
        built = _build(text, file=file, fault=fault)
    except yaml.MarkedYAMLError as reason:
        if "\t" not in text:
            raise explain(reason, text, file=file, fault=fault) from None
        repaired, findings = repair_tabs(
            text, file=file, fault=fault, read=lambda candidate: _plain_all(candidate, file=file, fault=fault)
        )
        built = _build(repaired, file=file, fault=fault)
    else:
        findings = ()
    return tuple(_with_sources(built, text, findings))


def to_python(value: YamlNode) -> Any:
    """Turn a node into dicts, lists and scalars; of equal keys the last wins."""
    if isinstance(value, MapNode):
        return {entry.key: to_python(entry.value) for entry in value.entries}
    if isinstance(value, ListNode):
        return [to_python(item) for item in value.items]
    return value.value


def _plain_all(text: str, *, file: str, fault: type[InputError]) -> tuple[Any, ...]:
    return tuple(to_python(value) for value, _ in _build(text, file=file, fault=fault))


def _with_sources(
    built: tuple[tuple[YamlNode, int], ...], text: str, findings: tuple[Finding, ...]
) -> Iterator[YamlDocument]:
    # YAML 1.1 ends a line at these, `str.splitlines` at some more
    lines = re.findall(r"[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|.+$", text)
    fingerprints = [mark for _, mark in built]
    starts = [0, *(mark + _opens_alone(lines[mark]) for mark in fingerprints[1:])][: len(built)]
    ends = [*fingerprints[1:], len(lines)][: len(built)]
    for (value, _), start, end in zip(built, starts, ends, strict=True):
        said = tuple(finding for finding in findings if start < finding.location.line <= end)
        yield YamlDocument(value=value, line=start + 1, text="".join(lines[start:end]), findings=said)


def _opens_alone(line: str) -> bool:
    return line.removeprefix("---").split("#")[0].strip() == ""


# --------------------------------------------------------------------------- events → nodes


def _build(text: str, *, file: str, fault: type[InputError]) -> tuple[tuple[YamlNode, int], ...]:
    """Read each document and the line (from 0) where it is opened."""
    # libyaml is seven times as fast; it lets some tabs pass and explains less, so those texts are read in Python
    if yaml.__with_libyaml__ and "\t" not in text:
        try:
            return tuple(_Builder(yaml.parse(text, yaml.CSafeLoader), file, fault).documents())
        except yaml.MarkedYAMLError:
            pass
    return tuple(_Builder(yaml.parse(text, yaml.SafeLoader), file, fault).documents())


_CORE = "tag:yaml.org,2002:"


class _Scalars(SafeConstructor, Resolver):
    """What PyYAML makes of a scalar, without a loader around it."""

    def __init__(self) -> None:
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    def resolved(self, text: str, implicit: tuple[bool, bool]) -> str:
        tag: str = self.resolve(yaml.ScalarNode, text, implicit)  # type: ignore[no-untyped-call]  # PyYAML's stub
        return tag.removeprefix(_CORE)

    def made(self, tag: str, text: str) -> ScalarValue:
        value: ScalarValue = self.yaml_constructors[_CORE + tag](self, yaml.ScalarNode(_CORE + tag, text))
        return value


@dataclass(slots=True)
class _Builder:
    """Turns the parser's events into nodes, counting depth and size on the way."""

    events: Iterator[Any]  # yaml.Event; the stubs make every mark optional, the parsers set them all
    file: str
    fault: type[InputError]
    anchors: dict[str, tuple[YamlNode, int] | None] = field(default_factory=dict)  # None: still open
    count: int = 0
    scalars: _Scalars = field(default_factory=_Scalars)

    def documents(self) -> Iterator[tuple[YamlNode, int]]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
                self.count = 0
                mark: Any = event.start_mark
                yield self._node(next(self.events), 1), mark.line

    def _node(self, event: Any, depth: int) -> YamlNode:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._grow(1, event)
        if depth > DEEPEST:
            raise self._fault(event, "yaml-size", f"more than {DEEPEST} maps and lists stand in each other")
        before = self.count
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node = self._content(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, 1 + self.count - before)
        return node

    def _content(self, event: Any, depth: int) -> YamlNode:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            self._tag(event, ("seq",))
            items = tuple(self._node(child, depth + 1) for child in self._children())
            return ListNode(items=items, location=self._place(event))
        self._tag(event, ("map",))
        return self._map(event, depth)

    def _children(self) -> Iterator[Any]:
        """Give the events that each start a child, until the collection ends."""
        while not isinstance(event := next(self.events), yaml.CollectionEndEvent):
            yield event

    def _map(self, event: Any, depth: int) -> MapNode:
        own: list[Entry] = []
        merged: list[YamlNode] = []
        for key_event in self._children():
            key = self._node(key_event, depth + 1)
            if not isinstance(key, ScalarNode):
                raise self._fault(key_event, "yaml-syntax", "a key must be a single value, not a list or a map")
            value = self._node(next(self.events), depth + 1)
            if key.text == "<<" and not key.quoted:
                merged = [*self._merged(value), *merged]  # the later merge wins over the earlier one
            else:
                own.append(Entry(key=key.value, key_text=key.text, key_location=key.location, value=value))
        return MapNode(entries=(*_inherited(own, merged), *own), location=self._place(event))

    def _merged(self, value: YamlNode) -> tuple[YamlNode, ...]:
        sources = value.items if isinstance(value, ListNode) else (value,)
        for source in sources:
            if not isinstance(source, MapNode):
                raise self.fault(
                    "`<<` takes over the keys of a map, and this is none",
                    location=source.location,
                    fix="write `<<: *name` with the name of a map, or put the key `<<` in quotes",
                    code="yaml-alias",
                )
        return sources

    def _alias(self, event: Any) -> YamlNode:
        name = event.anchor
        if name not in self.anchors:
            raise self._fault(
                event,
                "yaml-alias",
                f"`*{name}` refers to `&{name}`, which stands nowhere before it",
                f"put a value that starts with `*` in quotes: `'*{name}…'`",
            )
        known = self.anchors[name]
        if known is None:
            raise self._fault(event, "yaml-alias", f"`*{name}` refers to what it is itself a part of")
        node, size = known
        self._grow(size, event)
        return node

    def _scalar(self, event: Any) -> ScalarNode:
        known = ("str", "int", "float", "bool", "null", "timestamp")
        given = self._tag(event, known)
        tag = given or self.scalars.resolved(event.value, event.implicit)
        value: ScalarValue = event.value
        if tag in known and tag != "str":
            try:
                value = self.scalars.made(tag, event.value)
            except (ValueError, KeyError, AttributeError, OverflowError):
                # 2024-13-45 and 0b_ look like what they are not: text, unless the author insists with a tag
                if given:
                    raise self._fault(event, "yaml-tag", f"`{event.value}` is no value for `!!{tag}`") from None
        return ScalarNode(value=value, text=event.value, quoted=bool(event.style), location=self._place(event))

    def _tag(self, event: Any, known: tuple[str, ...]) -> str | None:
        """Give the core tag that the author wrote, None where there is none."""
        if event.tag is None or event.tag == "!":
            return None
        name = str(event.tag).removeprefix(_CORE)
        if name not in known or not str(event.tag).startswith(_CORE):
            shown = event.tag if name == event.tag else f"!!{name}"
            raise self._fault(
                event,
                "yaml-tag",
                f"the tag `{shown}` has no meaning here",
                "leave it away, or put a value that starts with `!` in quotes",
            )
        return name

    def _grow(self, size: int, event: Any) -> None:
        self.count += size
        if self.count > MOST_NODES:
            raise self._fault(event, "yaml-size", f"the document holds more than {MOST_NODES} values")

    def _place(self, event: Any) -> Location:
        return Location(file=self.file, line=event.start_mark.line + 1, column=event.start_mark.column + 1)

    def _fault(self, event: Any, code: str, message: str, fix: str = "") -> InputError:
        return self.fault(message, location=self._place(event), fix=fix, code=code)


def _inherited(own: list[Entry], merged: list[YamlNode]) -> list[Entry]:
    """Give the entries that `<<` brings: what the map says itself wins, then the map merged first."""
    taken = {entry.key for entry in own}
    entries: list[Entry] = []
    for source in merged:
        if isinstance(source, MapNode):
            entries.extend(entry for entry in source.entries if entry.key not in taken)
            taken.update(entry.key for entry in source.entries)
    return entries
