"""Lints that compare rules with each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import PurePath
from typing import TypeVar

from msgspec import structs

from watcher.digests import digest
from watcher.lint.finding_codes import make_finding
from watcher.model import And, ConditionNode, DetectionItem, Finding, Not, Or, Rule

K = TypeVar("K", bound=Hashable)


def lint(rules: Sequence[Rule]) -> Iterator[Finding]:
    """Yield the findings about rules with the same title, file name or logic."""
    for first, second in _groups(rules, lambda rule: rule.title.strip().lower()):
        yield make_finding(
            "duplicate-title",
            f"the title `{second.title}` is that of {_file(first)} too",
            second.location,
            "give each rule its own title",
        )
    files = {rule.location.file: rule for rule in rules}
    for first, second in _groups(tuple(files.values()), lambda rule: PurePath(rule.location.file).name.lower()):
        yield make_finding(
            "duplicate-file",
            f"the file has the same name as {_file(first)}",
            second.location,
            "name it after what the rule detects",
        )
    for first, second in _groups(rules, _logic):
        yield make_finding(
            "same-logic",
            f"the rule has the same logic as `{first.title}` in {_file(first)}",
            second.location,
            "remove one, or disable it in settings",
        )


def _groups(rules: Sequence[Rule], key: Callable[[Rule], K]) -> Iterator[tuple[Rule, Rule]]:
    """Yield each rule after the first with an equal key, together with that first rule."""
    first: dict[K, Rule] = {}
    for rule in rules:
        earlier = first.setdefault(key(rule), rule)
        if earlier is not rule:
            yield earlier, rule


def _file(rule: Rule) -> str:
    return f"`{rule.location.file}`"


def _logic(rule: Rule) -> Hashable:
    if rule.converted_from:
        return rule.id  # it does not alert; rules that count the same events differ in how they count
    source = rule.logsource
    return (source.product, source.category, source.service, rule.aggregation, digest(repr(_normalized(rule.node))))


def _normalized(node: ConditionNode) -> ConditionNode:
    """Return the node without locations and spelling, in a stable order."""
    match node:
        case And(of=branches):
            return And(tuple(sorted(map(_normalized, branches), key=repr)))
        case Or(of=branches):
            return Or(tuple(sorted(map(_normalized, branches), key=repr)))
        case Not(of=branch):
            return Not(_normalized(branch))
        case DetectionItem():
            return structs.replace(
                node, values=tuple(sorted(node.values, key=repr)), modifiers=(), source_values=(), location=None
            )
