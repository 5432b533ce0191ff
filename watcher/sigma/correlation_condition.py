"""Reader of `condition` in correlation rules: comparisons of a number, the counted field, the percentile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from msgspec import structs

from watcher.errors import RuleError
from watcher.model import Location
from watcher.model.correlations import ComparisonOperator, NumericComparison
from watcher.sigma.correlation_dialects import dialect
from watcher.sigma.correlation_values import read_number
from watcher.sigma.finding_collector import FindingCollector
from watcher.yaml_nodes.nodes import ListNode, MapNode, MappingEntry, ScalarNode, YamlNode

_SYNONYMS = {
    ">": "gt",
    ">=": "gte",
    "=>": "gte",
    "<": "lt",
    "<=": "lte",
    "=<": "lte",
    "=": "eq",
    "==": "eq",
    "!=": "neq",
    "<>": "neq",
    "ge": "gte",
    "le": "lte",
    "ne": "neq",
    "equals": "eq",
    "equal": "eq",
}
_OPERATORS = frozenset(ComparisonOperator)
_COMPARISON = re.compile(
    r"(?:count\s*(?:\(\s*\))?\s*)?(?P<operator>[a-z]+|[<>=!]+)\s*:?\s*(?P<number>[+-]?[0-9.]+)", re.IGNORECASE
)
_RANGE = re.compile(r"(?P<from>[0-9.]+)\.\.(?P<to>[0-9.]+)")
_EXAMPLE = "write e.g. `condition: {gte: 10}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCondition:
    """A condition that compares a number."""

    comparisons: tuple[NumericComparison, ...] = ()
    fields: tuple[str, ...] = ()
    percentile: Decimal | None = None


def compares(node: YamlNode) -> bool:
    """Whether a condition of a temporal type compares a number, and is no boolean condition."""
    if not isinstance(node, ScalarNode):
        return True
    return not isinstance(node.value, str) or _comparison(node.text) is not None


def read_count_condition(node: YamlNode, collector: FindingCollector) -> CountCondition:
    """Read a condition that compares a number; raises RuleError where it is invalid."""
    mapping = _as_mapping(node, collector)
    collector.duplicates(
        mapping, "`condition`", "all comparisons must hold, of other keys the last is used; write the key once"
    )
    comparisons: list[NumericComparison] = []
    fields: tuple[str, ...] = ()
    percentile: Decimal | None = None
    for entry in _spelled(mapping, collector):
        if entry.key == "field":
            fields = _fields(entry)
        elif entry.key == "percentile":
            percentile = _percentile(entry)
        else:
            number = read_number(entry.value, entry.key)
            comparisons.append(NumericComparison(operator=ComparisonOperator(entry.key), value=number))
    if not comparisons:
        raise _fault("the condition of the correlation compares with no number", mapping.location, _EXAMPLE)
    return CountCondition(comparisons=tuple(dict.fromkeys(comparisons)), fields=fields, percentile=percentile)


def _as_mapping(node: YamlNode, collector: FindingCollector) -> MapNode:
    if isinstance(node, MapNode):
        return node
    if isinstance(node, ListNode):
        if not all(isinstance(item, MapNode) for item in node.items):
            raise _fault("`condition` of a correlation must be a mapping", node.location, _EXAMPLE)
        dialect(collector, "the condition is a list; its parts must all hold", node.location, "write one mapping")
        entries = tuple(entry for item in node.items if isinstance(item, MapNode) for entry in item.entries)
        return MapNode(entries=entries, location=node.location)
    entry = MappingEntry(key="", key_text="", key_location=node.location, value=node)
    return MapNode(entries=(entry,), location=node.location)


def _spelled(mapping: MapNode, collector: FindingCollector) -> Iterator[MappingEntry]:
    """Yield the entries with keys as the specification spells them."""
    for entry in mapping.entries:
        name = entry.key_text.strip().lower()
        if not name:
            yield _from_text(entry, collector)
        elif name == "range":
            yield from _range(entry, collector)
        else:
            name = {"fields": "field", **_SYNONYMS}.get(name, name)
            if name not in _OPERATORS and name not in ("field", "percentile"):
                raise _fault(
                    f"`{entry.key_text}` is not a key of a correlation's condition",
                    entry.key_location,
                    f"write one of {', '.join(ComparisonOperator)}, field, percentile",
                )
            if name != entry.key_text:
                dialect(collector, f"`{entry.key_text}` is read as `{name}`", entry.key_location, f"write `{name}`")
            yield structs.replace(entry, key=name, key_text=name)


def _from_text(entry: MappingEntry, collector: FindingCollector) -> MappingEntry:
    """Return the comparison of a string such as `>= 10`."""
    text = entry.value.text if isinstance(entry.value, ScalarNode) else ""
    comparison = _comparison(text)
    if comparison is None:
        number = re.fullmatch(r"\s*([0-9]+)\s*", text)
        fix = f"write `condition: {{gte: {number[1]}}}` if so many are enough" if number else _EXAMPLE
        raise _fault("`condition` of this type must be a mapping of comparisons", entry.value.location, fix)
    operator, value = comparison
    fix = f"write `condition: {{{operator}: {value}}}`"
    dialect(collector, f"the condition `{text.strip()}` is a string", entry.value.location, fix)
    node = ScalarNode(value=value, text=value, quoted=False, location=entry.value.location)
    return structs.replace(entry, key=operator, key_text=operator, value=node)


def _comparison(text: str) -> tuple[str, str] | None:
    match = _COMPARISON.fullmatch(text.strip())
    if match is None:
        return None
    operator = match["operator"].lower()
    operator = _SYNONYMS.get(operator, operator)
    return (operator, match["number"]) if operator in _OPERATORS else None


def _range(entry: MappingEntry, collector: FindingCollector) -> Iterator[MappingEntry]:
    """Yield both ends of `range: 10..20` of early drafts."""
    text = entry.value.text if isinstance(entry.value, ScalarNode) else ""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise _fault(f"`range: {text}` is no range", entry.value.location, "write e.g. `{gte: 10, lte: 20}`")
    fix = f"write `{{gte: {match['from']}, lte: {match['to']}}}`"
    dialect(collector, "`range` is of an early draft of Sigma", entry.key_location, fix)
    for operator, number in (("gte", match["from"]), ("lte", match["to"])):
        node = ScalarNode(value=number, text=number, quoted=False, location=entry.value.location)
        yield structs.replace(entry, key=operator, key_text=operator, value=node)


def _fields(entry: MappingEntry) -> tuple[str, ...]:
    items = entry.value.items if isinstance(entry.value, ListNode) else (entry.value,)
    names = [item.text.strip() if isinstance(item, ScalarNode) and item.value is not None else "" for item in items]
    if not names or not all(names):
        raise _fault("`field` must be the name of a field, or a list of names", entry.value.location, "name the field")
    return tuple(dict.fromkeys(names))


def _percentile(entry: MappingEntry) -> Decimal:
    percentile = read_number(entry.value, "percentile")
    if not 0 <= percentile <= 100:
        raise _fault(f"`percentile: {percentile}` is not from 0 to 100", entry.value.location, "write e.g. `95`")
    return percentile


def _fault(message: str, location: Location, fix: str) -> RuleError:
    return RuleError(message, location=location, fix=fix, code="correlation-condition")
