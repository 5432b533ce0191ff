"""Indicators of rules, and the rules that share them.

An indicator is a field, a kind of comparison and a value. Two are the same if the fields are equivalent (a field of
4688 read as process creation is that of Sysmon's event 1), the modifiers have the same kind (`contains` and
`contains|all`), and the values are equal when case is ignored. Rules are counted, not occurrences: in every selection,
including filters, and under every duplicate key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from watcher.model import DetectionItem, Rule, detection_items
from watcher.taxonomy.field_locations import canonical_field

KEYWORDS = "keywords"
"""The field name of keywords."""

_KINDS: Mapping[str, str] = {  # the first modifier of this table determines the kind
    "re": "regex",
    "cidr": "cidr",
    "fieldref": "field",
    "exists": "exists",
    "base64offset": "base64offset",
    "base64": "base64",
    "contains": "match",
    "startswith": "starts_with",
    "endswith": "ends_with",
}
_NUMERIC = ("lt", "lte", "gt", "gte")
_TIMES = ("minute", "hour", "day", "week", "month", "year")


@dataclass(frozen=True, slots=True, order=True)
class IndicatorKey:
    """The identity of an indicator."""

    field: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """A field, a kind of comparison and a value of a rule."""

    field: str  # as written
    kind: str
    value: str  # as written
    key: IndicatorKey


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorHolder:
    """A rule with an indicator."""

    id: str
    label: str  # of its corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedIndicator:
    """The rules that share one indicator."""

    key: IndicatorKey
    holders: tuple[IndicatorHolder, ...]  # in the order of the corpus

    @property
    def count(self) -> int:
        """The number of rules."""
        return len(self.holders)

    @property
    def labels(self) -> tuple[tuple[str, int], ...]:
        """The number of rules per corpus label, highest first."""
        counts: dict[str, int] = {}
        for holder in self.holders:
            counts[holder.label] = counts.get(holder.label, 0) + 1
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def __str__(self) -> str:
        parts = ", ".join(f"{label} {count}" for label, count in self.labels)
        return f"corpus {self.count} ({parts})"


class Corpus:
    """Every indicator with its rules."""

    __slots__ = ("_holders",)

    def __init__(self, rules: Iterable[tuple[IndicatorHolder, Iterable[Indicator]]]) -> None:
        self._holders: dict[IndicatorKey, dict[str, IndicatorHolder]] = {}
        for holder, indicators in rules:
            for indicator in indicators:
                self._holders.setdefault(indicator.key, {})[holder.id] = holder

    def shared(self, key: IndicatorKey) -> SharedIndicator:
        """Return the rules of an indicator."""
        return SharedIndicator(key=key, holders=tuple(self._holders.get(key, {}).values()))

    def __iter__(self) -> Iterator[SharedIndicator]:
        """Yield every indicator, ordered by field, kind and value."""
        return (self.shared(key) for key in sorted(self._holders))


def indicators(rule: Rule) -> tuple[Indicator, ...]:
    """Return the indicators of a rule in the order written, each once."""
    by_key: dict[tuple[str, IndicatorKey], Indicator] = {}
    for selection in rule.selections:
        for item in detection_items(selection.node):
            for element in _of_item(item):
                by_key.setdefault((element.field, element.key), element)
    return tuple(by_key.values())


def _of_item(item: DetectionItem) -> Iterator[Indicator]:
    field = item.field or KEYWORDS
    for written in item.source_values or (None,):  # an empty list means null
        kind = kind_of(item, written)
        value = spelled(written)
        key = IndicatorKey(canonical_field(field), kind, value.casefold())
        yield Indicator(field=field, kind=kind, value=value, key=key)


def kind_of(item: DetectionItem, written: object) -> str:
    """Return the kind of comparison of the modifiers; keywords match anywhere."""
    modifiers = item.modifiers
    time = [name for name in modifiers if name in _TIMES]
    number = [name for name in modifiers if name in _NUMERIC]
    if time or number:
        return " ".join((*time, *number))
    if "re" not in modifiers and (written is None or written == ""):
        return "empty"
    named = [kind for modifier, kind in _KINDS.items() if modifier in modifiers]
    return named[0] if named else "match" if item.field is None else "exact"


def spelled(written: object) -> str:
    """Return a value as YAML writes it."""
    if written is None:
        return "null"
    if isinstance(written, bool):
        return str(written).lower()
    return str(written)
