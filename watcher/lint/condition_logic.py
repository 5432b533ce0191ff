"""Conditions and selections that say something else than their author meant, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import combinations

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
    Or,
    Selection,
    SigmaNumber,
    SigmaString,
    SigmaValue,
)

_QUANTIFIED = re.compile(r"\b(1|any|all)\s+of\s+([^\s()]+)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_.*?-]+")


def lint(rule: RuleSource) -> Iterator[Finding]:
    """Look at the condition and what it names."""
    yield from _unused(rule)
    yield from _timeframe(rule)
    yield from _quantifiers(rule)
    yield from _kept_filters(rule)
    yield from _contradictions(rule)


def _unused(rule: RuleSource) -> Iterator[Finding]:
    words = {word for condition, _ in rule.conditions for word in _NAME.findall(condition.partition("|")[0])}
    them = any(what.lower() == "them" for condition, _ in rule.conditions for _, what in _QUANTIFIED.findall(condition))
    for name, location in rule.selections:
        if not (name in words or (them and not name.startswith("_")) or any(fnmatchcase(name, one) for one in words)):
            yield make_finding(
                "unused-selection",
                f"no condition uses the selection `{name}`",
                location,
                "name it in the condition, or remove it",
            )


def _timeframe(rule: RuleSource) -> Iterator[Finding]:
    for entry in rule.entries("detection"):
        if str(entry.key).lower() == "timeframe" and rule.rule.aggregation is None:
            yield make_finding(
                "timeframe",
                "`timeframe` has no effect: every event is looked at by itself",
                rule.at(entry.key_location),
                "write a Sigma correlation, or remove it",
            )


def _quantifiers(rule: RuleSource) -> Iterator[Finding]:
    names = [name for name, _ in rule.selections]
    for condition, location in rule.conditions:
        for how, what in _QUANTIFIED.findall(condition):
            if what.lower() == "them":
                yield from _them(how.lower(), names, location=location)
            elif "*" not in what:
                fix = f"write `{what}`" if what in names else "write the pattern with `*`"
                yield make_finding("pattern-no-asterisk", f"`{how} of {what}` names a single selection", location, fix)
            else:
                named = [name for name in names if fnmatchcase(name, what)]
                if len(named) == 1 and not what.startswith(("filter_", "selection_")):
                    yield make_finding(
                        "pattern-single",
                        f"`{how} of {what}` fits the selection `{named[0]}` alone",
                        location,
                        f"write `{named[0]}`",
                    )


def _them(how: str, names: list[str], *, location: Location) -> Iterator[Finding]:
    if len(names) == 1:
        yield make_finding("them-single", f"`{how} of them` speaks of one selection", location, f"write `{names[0]}`")
    elif how == "all":
        yield make_finding(
            "all-of-them",
            "`all of them` changes its meaning with every selection that is added",
            location,
            "write `all of selection_*`, or name the selections",
        )


def _kept_filters(rule: RuleSource) -> Iterator[Finding]:
    nodes = {id(one.node): one for one in rule.rule.selections if one.name.lower().startswith("filter")}
    for name in dict.fromkeys(_positive(rule.rule.node, nodes, negated=False)):
        location = next((location for one, location in rule.selections if one == name), rule.rule.location)
        yield make_finding(
            "filter-not-negated",
            f"`{name}` is used without `not`, so the rule keeps what the filter names",
            location,
            f"write `not {name}`, or call it a selection",
        )


def _positive(node: ConditionNode, filters: Mapping[int, Selection], *, negated: bool) -> Iterator[str]:
    """Give the filters that stand under an even number of `not`."""
    known = filters.get(id(node))
    if known is not None:
        if not negated:
            yield known.name
        return
    match node:
        case And(of=branches) | Or(of=branches):
            for branch in branches:
                yield from _positive(branch, filters, negated=negated)
        case Not(of=branch):
            yield from _positive(branch, filters, negated=not negated)
        case DetectionItem():
            return


# --------------------------------------------------------------------------- what cannot both hold


def _contradictions(rule: RuleSource) -> Iterator[Finding]:
    for first, second in dict.fromkeys(_opposed(rule.rule.node)):
        yield make_finding(
            "contradiction",
            f"`{first.field}` cannot be {_values(first)} and {_values(second)} at once",
            second.location or rule.rule.location,
            "write the values as one list where any will do, or part the selections by `or`",
        )


def _opposed(node: ConditionNode) -> Iterator[tuple[DetectionItem, DetectionItem]]:
    if isinstance(node, DetectionItem):
        return
    if isinstance(node, And):
        items = [item for branch in node.of for item in _required(branch)]
        for first, second in combinations(items, 2):
            if first.field == second.field and not _whole(first) & _whole(second):
                yield first, second
    for branch in (node.of,) if isinstance(node, Not) else node.of:
        if not (isinstance(node, And) and isinstance(branch, And)):  # what all of all want is compared already
            yield from _opposed(branch)


def _required(node: ConditionNode) -> Iterator[DetectionItem]:
    """Give the items of whole values that must all hold."""
    if isinstance(node, And):
        for branch in node.of:
            yield from _required(branch)
    elif isinstance(node, DetectionItem) and node.field is not None and not node.match_all and _whole(node):
        yield node


def _whole(item: DetectionItem) -> frozenset[str]:
    """Give the values of an item that compares with whole values alone, else none."""
    made = [_text(test) for test in item.values]
    return frozenset() if any(one is None for one in made) else frozenset(one for one in made if one is not None)


def _text(test: SigmaValue) -> str | None:
    match test:
        case SigmaString(parts=(str(literal),)):
            return fold(literal)
        case SigmaNumber(value=value):
            return str(value)
    return None


def _values(item: DetectionItem) -> str:
    shown = [f"`{value}`" for value in item.source_values[:3]]
    return " or ".join(shown) + (" …" if len(item.source_values) > 3 else "")
