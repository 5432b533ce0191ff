"""What is odd about rules together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TypeVar

from watcher.lint.finding_codes import make_finding
from watcher.model import And, ConditionNode, DetectionItem, Finding, Not, Or, Rule

K = TypeVar("K", bound=Hashable)


def lint(rules: Sequence[Rule]) -> Iterator[Finding]:
    """Compare rules with each other."""
    for alike in _groups(rules, lambda rule: rule.title.strip().lower()):
        yield make_finding(
            "duplicate-title",
            f"the title `{alike[1].title}` is that of {_named(alike[0])} too",
            alike[1].location,
            "give each a title of its own",
        )
    files = {rule.location.file: rule for rule in rules}
    for alike in _groups(tuple(files.values()), lambda rule: PurePath(rule.location.file).name.lower()):
        yield make_finding(
            "duplicate-file",
            f"the file has the name of {_named(alike[0])}",
            alike[1].location,
            "call it by what the rule finds",
        )
    for alike in _groups(rules, _meaning):
        yield make_finding(
            "same-logic",
            f"the rule looks for the same as `{alike[0].title}` in {_named(alike[0])}",
            alike[1].location,
            "remove one, or disable it in settings",
        )


def _groups(rules: Sequence[Rule], key: Callable[[Rule], K]) -> Iterator[tuple[Rule, Rule]]:
    """Give each rule together with the first one that is like it."""
    first: dict[K, Rule] = {}
    for rule in rules:
        known = first.setdefault(key(rule), rule)
        if known is not rule:
            yield known, rule


def _named(rule: Rule) -> str:
    return f"`{rule.location.file}`"


def _meaning(rule: Rule) -> Hashable:
    source = rule.logsource
    return (source.product, source.category, source.service, rule.aggregation, repr(_bare(rule.node)))


def _bare(node: ConditionNode) -> ConditionNode:
    """Leave away where a node stands and how it is written."""
    match node:
        case And(of=branches):
            return And(tuple(sorted(map(_bare, branches), key=repr)))
        case Or(of=branches):
            return Or(tuple(sorted(map(_bare, branches), key=repr)))
        case Not(of=branch):
            return Not(_bare(branch))
        case DetectionItem():
            return replace(
                node, values=tuple(sorted(node.values, key=repr)), modifiers=(), source_values=(), location=None
            )
