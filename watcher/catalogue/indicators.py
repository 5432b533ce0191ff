"""What rules look for, and how many rules look for the same.

An indicator is a field, a kind of comparison and a value. Two of them are one where the fields mean the same (a field
of 4688 read as process creation is that of Sysmon's event 1), the modifiers come down to one kind (`contains` and
`contains|all`), and the values are equal as wholes, whatever their case. What is counted are rules, not occurrences:
in every selection, those that filter too, and under every key that stands twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from watcher.model import ConditionNode, DetectionItem, Not, Rule
from watcher.taxonomy.field_locations import canonical_field

KEYWORDS = "keywords"
"""Stands for the field where a rule searches without one."""

_KINDS: Mapping[str, str] = {  # the first of a field's modifiers that stands here says the kind
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
    """By what indicators are compared."""

    field: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One thing that a rule looks for."""

    field: str  # as written
    kind: str
    value: str  # as written
    key: IndicatorKey


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorHolder:
    """A rule as the corpus knows it."""

    id: str
    label: str  # of its corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedIndicator:
    """The rules that hold one indicator."""

    key: IndicatorKey
    holders: tuple[IndicatorHolder, ...]  # in the order in which the corpus was given them

    @property
    def count(self) -> int:
        """How many rules there are."""
        return len(self.holders)

    @property
    def labels(self) -> tuple[tuple[str, int], ...]:
        """How many there are of each corpus, the most first."""
        counts: dict[str, int] = {}
        for one in self.holders:
            counts[one.label] = counts.get(one.label, 0) + 1
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def __str__(self) -> str:
        parts = ", ".join(f"{label} {count}" for label, count in self.labels)
        return f"corpus {self.count} ({parts})"


class Corpus:
    """Every indicator of many rules, and who holds it."""

    __slots__ = ("_holders",)

    def __init__(self, rules: Iterable[tuple[IndicatorHolder, Iterable[Indicator]]]) -> None:
        self._holders: dict[IndicatorKey, dict[str, IndicatorHolder]] = {}
        for holder, indicators in rules:
            for one in indicators:
                self._holders.setdefault(one.key, {})[holder.id] = holder

    def shared(self, key: IndicatorKey) -> SharedIndicator:
        """Give the rules that hold an indicator."""
        return SharedIndicator(key=key, holders=tuple(self._holders.get(key, {}).values()))

    def __iter__(self) -> Iterator[SharedIndicator]:
        """Give every indicator, ordered by field, kind and value."""
        return (self.shared(key) for key in sorted(self._holders))


def indicators(rule: Rule) -> tuple[Indicator, ...]:
    """Give what a rule looks for, in the order in which its author wrote it, each once."""
    found: dict[tuple[str, IndicatorKey], Indicator] = {}
    for selection in rule.selections:
        for item in items(selection.node):
            for one in _of_item(item):
                found.setdefault((one.field, one.key), one)
    return tuple(found.values())


def items(node: ConditionNode) -> Iterator[DetectionItem]:
    """Give the entries of a condition tree, in the order in which they are written."""
    if isinstance(node, DetectionItem):
        yield node
    elif isinstance(node, Not):
        yield from items(node.of)
    else:
        for branch in node.of:
            yield from items(branch)


def _of_item(item: DetectionItem) -> Iterator[Indicator]:
    field = item.field or KEYWORDS
    for written in item.source_values or (None,):  # a list without values asks for none
        kind = kind_of(item, written)
        value = spelled(written)
        key = IndicatorKey(canonical_field(field), kind, value.casefold())
        yield Indicator(field=field, kind=kind, value=value, key=key)


def kind_of(item: DetectionItem, written: object) -> str:
    """Bring modifiers down to the kind of comparison; a keyword may stand anywhere."""
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
    """Give a value as text, the way that YAML writes it."""
    if written is None:
        return "null"
    if isinstance(written, bool):
        return str(written).lower()
    return str(written)
