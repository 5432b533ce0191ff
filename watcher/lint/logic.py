"""Conditions and selections that say something else than their author meant, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import combinations

from watcher.lint.codes import found
from watcher.lint.written import Written
from watcher.match.value import fold
from watcher.model import All, AnyOf, Finding, Item, Node, Not, Number, Place, Selection, Test, Text

_QUANTIFIED = re.compile(r"\b(1|any|all)\s+of\s+([^\s()]+)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_.*?-]+")


def lint(rule: Written) -> Iterator[Finding]:
    """Look at the condition and what it names."""
    yield from _unused(rule)
    yield from _timeframe(rule)
    yield from _quantifiers(rule)
    yield from _kept_filters(rule)
    yield from _contradictions(rule)


def _unused(rule: Written) -> Iterator[Finding]:
    words = {word for condition, _ in rule.conditions for word in _NAME.findall(condition.partition("|")[0])}
    them = any(what.lower() == "them" for condition, _ in rule.conditions for _, what in _QUANTIFIED.findall(condition))
    for name, place in rule.selections:
        if not (name in words or (them and not name.startswith("_")) or any(fnmatchcase(name, one) for one in words)):
            yield found(
                "unused-selection",
                f"no condition uses the selection `{name}`",
                place,
                "name it in the condition, or remove it",
            )


def _timeframe(rule: Written) -> Iterator[Finding]:
    for entry in rule.entries("detection"):
        if str(entry.key).lower() == "timeframe" and rule.rule.aggregation is None:
            yield found(
                "timeframe",
                "`timeframe` has no effect: every event is looked at by itself",
                rule.at(entry.key_place),
                "write a Sigma correlation, or remove it",
            )


def _quantifiers(rule: Written) -> Iterator[Finding]:
    names = [name for name, _ in rule.selections]
    for condition, place in rule.conditions:
        for how, what in _QUANTIFIED.findall(condition):
            if what.lower() == "them":
                yield from _them(how.lower(), names, place=place)
            elif "*" not in what:
                fix = f"write `{what}`" if what in names else "write the pattern with `*`"
                yield found("pattern-no-asterisk", f"`{how} of {what}` names a single selection", place, fix)
            else:
                named = [name for name in names if fnmatchcase(name, what)]
                if len(named) == 1 and not what.startswith(("filter_", "selection_")):
                    yield found(
                        "pattern-single",
                        f"`{how} of {what}` fits the selection `{named[0]}` alone",
                        place,
                        f"write `{named[0]}`",
                    )


def _them(how: str, names: list[str], *, place: Place) -> Iterator[Finding]:
    if len(names) == 1:
        yield found("them-single", f"`{how} of them` speaks of one selection", place, f"write `{names[0]}`")
    elif how == "all":
        yield found(
            "all-of-them",
            "`all of them` changes its meaning with every selection that is added",
            place,
            "write `all of selection_*`, or name the selections",
        )


def _kept_filters(rule: Written) -> Iterator[Finding]:
    nodes = {id(one.node): one for one in rule.rule.selections if one.name.lower().startswith("filter")}
    for name in dict.fromkeys(_positive(rule.rule.node, nodes, negated=False)):
        place = next((place for one, place in rule.selections if one == name), rule.rule.place)
        yield found(
            "filter-not-negated",
            f"`{name}` is used without `not`, so the rule keeps what the filter names",
            place,
            f"write `not {name}`, or call it a selection",
        )


def _positive(node: Node, filters: Mapping[int, Selection], *, negated: bool) -> Iterator[str]:
    """Give the filters that stand under an even number of `not`."""
    known = filters.get(id(node))
    if known is not None:
        if not negated:
            yield known.name
        return
    match node:
        case All(of=branches) | AnyOf(of=branches):
            for branch in branches:
                yield from _positive(branch, filters, negated=negated)
        case Not(of=branch):
            yield from _positive(branch, filters, negated=not negated)
        case Item():
            return


# --------------------------------------------------------------------------- what cannot both hold


def _contradictions(rule: Written) -> Iterator[Finding]:
    for first, second in dict.fromkeys(_opposed(rule.rule.node)):
        yield found(
            "contradiction",
            f"`{first.field}` cannot be {_values(first)} and {_values(second)} at once",
            second.place or rule.rule.place,
            "write the values as one list where any will do, or part the selections by `or`",
        )


def _opposed(node: Node) -> Iterator[tuple[Item, Item]]:
    if isinstance(node, Item):
        return
    if isinstance(node, All):
        items = [item for branch in node.of for item in _required(branch)]
        for first, second in combinations(items, 2):
            if first.field == second.field and not _whole(first) & _whole(second):
                yield first, second
    for branch in (node.of,) if isinstance(node, Not) else node.of:
        if not (isinstance(node, All) and isinstance(branch, All)):  # what all of all want is compared already
            yield from _opposed(branch)


def _required(node: Node) -> Iterator[Item]:
    """Give the items of whole values that must all hold."""
    if isinstance(node, All):
        for branch in node.of:
            yield from _required(branch)
    elif isinstance(node, Item) and node.field is not None and not node.every and _whole(node):
        yield node


def _whole(item: Item) -> frozenset[str]:
    """Give the values of an item that compares with whole values alone, else none."""
    made = [_text(test) for test in item.tests]
    return frozenset() if any(one is None for one in made) else frozenset(one for one in made if one is not None)


def _text(test: Test) -> str | None:
    match test:
        case Text(parts=(str(literal),)):
            return fold(literal)
        case Number(value=value):
            return str(value)
    return None


def _values(item: Item) -> str:
    shown = [f"`{value}`" for value in item.written[:3]]
    return " or ".join(shown) + (" …" if len(item.written) > 3 else "")
