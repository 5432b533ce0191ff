"""Lints of conditions and selections that have no effect or an unintended one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import combinations, islice

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import RuleSource
from watcher.match.matchers import fold
from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Finding,
    Location,
    Not,
    Selection,
    SigmaNumber,
    SigmaString,
    SigmaValue,
    branches,
)

_QUANTIFIED = re.compile(r"\b(1|any|all)\s+of\s+([^\s()]+)", re.IGNORECASE)
_MOST_COMPARED = 200  # items of one `and`, each compared with each
_MOST_CONTRADICTIONS = 20  # of a rule, each in a finding
_NAME = re.compile(r"[A-Za-z0-9_.*?-]+")


def lint(rule: RuleSource) -> Iterator[Finding]:
    """Yield the findings about the condition and its selections."""
    yield from _unused(rule)
    yield from _timeframe(rule)
    yield from _quantifiers(rule)
    yield from _kept_filters(rule)
    yield from _contradictions(rule)


def _unused(rule: RuleSource) -> Iterator[Finding]:
    words = {word for condition, _ in rule.conditions for word in _NAME.findall(_without_count(condition))}
    quantified = (match for condition, _ in rule.conditions for match in _QUANTIFIED.findall(condition))
    them = any(pattern.lower() == "them" for _, pattern in quantified)
    for name, location in rule.selections:
        if not (name in words or (them and not name.startswith("_")) or any(fnmatchcase(name, word) for word in words)):
            yield make_finding(
                "unused-selection",
                f"no condition uses the selection `{name}`",
                location,
                "name it in the condition, or remove it",
            )


def _without_count(condition: str) -> str:
    """Return the part of a condition that names selections: `near` names some too, and other aggregations none."""
    before, _, aggregation = condition.partition("|")
    return f"{before} {aggregation}" if aggregation.lstrip().lower().startswith("near") else before


def _timeframe(rule: RuleSource) -> Iterator[Finding]:
    if rule.rule.aggregation is not None or rule.rule.converted_from:
        return
    for entry in rule.entries("detection"):
        if str(entry.key).lower() == "timeframe":
            yield make_finding(
                "timeframe",
                "`timeframe` has no effect in a rule for single events",
                rule.at(entry.key_location),
                "remove it; `quiet_period` says how long hits join one alert",
            )


def _quantifiers(rule: RuleSource) -> Iterator[Finding]:
    names = [name for name, _ in rule.selections]
    for condition, location in rule.conditions:
        for quantifier, pattern in _QUANTIFIED.findall(condition):
            if pattern.lower() == "them":
                yield from _them(quantifier.lower(), names, location=location)
            elif "*" not in pattern:
                fix = f"write `{pattern}`" if pattern in names else "write the pattern with `*`"
                yield make_finding(
                    "pattern-no-asterisk", f"`{quantifier} of {pattern}` matches a single selection", location, fix
                )
            else:
                named = [name for name in names if fnmatchcase(name, pattern)]
                if len(named) == 1 and not pattern.startswith(("filter_", "selection_")):
                    yield make_finding(
                        "pattern-single",
                        f"`{quantifier} of {pattern}` matches only the selection `{named[0]}`",
                        location,
                        f"write `{named[0]}`",
                    )


def _them(quantifier: str, names: list[str], *, location: Location) -> Iterator[Finding]:
    if len(names) == 1:
        yield make_finding(
            "them-single", f"`{quantifier} of them` matches a single selection", location, f"write `{names[0]}`"
        )
    elif quantifier == "all":
        yield make_finding(
            "all-of-them",
            "`all of them` changes its meaning with every selection that is added",
            location,
            "write `all of selection_*`, or name the selections",
        )


def _kept_filters(rule: RuleSource) -> Iterator[Finding]:
    nodes = {
        id(selection.node): selection
        for selection in rule.rule.selections
        if selection.name.lower().startswith("filter")
    }
    for name in dict.fromkeys(_positive(rule.rule.node, nodes, negated=False)):
        location = next((location for selection, location in rule.selections if selection == name), rule.rule.location)
        yield make_finding(
            "filter-not-negated",
            f"`{name}` is used without `not`, so the rule matches only what the filter matches",
            location,
            f"write `not {name}`, or rename it to a selection",
        )


def _positive(node: ConditionNode, filters: Mapping[int, Selection], *, negated: bool) -> Iterator[str]:
    """Yield the filters below an even number of `not`."""
    selection = filters.get(id(node))
    if selection is not None:
        if not negated:
            yield selection.name
        return
    for branch in branches(node):
        yield from _positive(branch, filters, negated=negated != isinstance(node, Not))


# --------------------------------------------------------------------------- contradictions


def _contradictions(rule: RuleSource) -> Iterator[Finding]:
    for first, second in islice(dict.fromkeys(_opposed(rule.rule.node)), _MOST_CONTRADICTIONS):
        yield make_finding(
            "contradiction",
            f"`{first.field}` cannot be {_quoted_values(first)} and {_quoted_values(second)} at once",
            second.location or rule.rule.location,
            "write the values as one list if any may match, or combine the selections with `or`",
        )


def _opposed(node: ConditionNode) -> Iterator[tuple[DetectionItem, DetectionItem]]:
    if isinstance(node, And):
        items = islice({id(item): item for branch in node.of for item in _required(branch)}.values(), _MOST_COMPARED)
        for first, second in combinations(items, 2):
            if first.field == second.field and not _exact_values(first) & _exact_values(second):
                yield first, second
    for branch in branches(node):
        if not (isinstance(node, And) and isinstance(branch, And)):  # nested `and` is compared already
            yield from _opposed(branch)


def _required(node: ConditionNode) -> Iterator[DetectionItem]:
    """Yield the items with exact values that must all match."""
    if isinstance(node, And):
        for branch in node.of:
            yield from _required(branch)
    elif isinstance(node, DetectionItem) and node.field is not None and not node.match_all and _exact_values(node):
        yield node


def _exact_values(item: DetectionItem) -> frozenset[str]:
    """Return the values of an item if all are exact values, else an empty set."""
    texts = [_exact_text(value) for value in item.values]
    return frozenset() if None in texts else frozenset(text for text in texts if text is not None)


def _exact_text(sigma_value: SigmaValue) -> str | None:
    match sigma_value:
        case SigmaString(parts=(str(literal),)):
            return fold(literal)
        case SigmaNumber(value=value):
            return str(value)
    return None


def _quoted_values(item: DetectionItem) -> str:
    shown = [f"`{value}`" for value in item.source_values[:3]]
    return " or ".join(shown) + (" …" if len(item.source_values) > 3 else "")
