"""Lints of modifier combinations and of regular expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as ops  # type: ignore[attr-defined]  # the stubs leave it out
from re import _parser as parser  # type: ignore[attr-defined]  # the same
from typing import Any

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import RuleSource, SourceLine
from watcher.model import Finding
from watcher.yaml_nodes.nodes import ScalarNode

_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT)
_MANY = 16  # repetitions from which on nesting is slow
_PLAIN = re.compile(r"(\^?)(\.\*\??)?((?:[^\\.^$*+?{}\[\]|()]|\\[\\.^$*+?{}\[\]|()/-])+)(\.\*\??)?(\$?)")


def lint(rule: RuleSource) -> Iterator[Finding]:
    """Yield the findings about the modifiers and expressions of every line."""
    for line in rule.lines:
        yield from _combinations(line)
        if "re" in line.modifiers:
            for node in line.values:
                yield from _expression(line, node)


def _combinations(line: SourceLine) -> Iterator[Finding]:
    used = set(line.modifiers)
    if "all" in used and line.field and len(line.values) < 2:
        yield make_finding(
            "all-single-value", f"`all` of `{line.name}` applies to a single value", line.location, "remove it"
        )
    elif "all" in used and line.field and not used & {"contains", "startswith", "endswith", "re", "neq", "fieldref"}:
        wild = [node for node in line.values if re.search(r"(?<!\\)[*?]", node.text)]
        if not wild:
            yield make_finding(
                "all-without-contains",
                f"`{line.name}` requires one value to equal {len(line.values)} values at once",
                line.location,
                f"write `{line.field}|contains|all` to match parts of the value",
            )
    if "base64offset" in used and "contains" not in used:
        yield make_finding(
            "base64offset-without-contains",
            f"`{line.name}` compares part of an encoded string with the entire value",
            line.location,
            f"write `{line.name}|contains`",
        )
    if {"windash", "all"} <= used:
        yield make_finding(
            "windash-all",
            f"tools that expand every dash require all of them at once in `{line.name}`",
            line.location,
            "write one selection for each value if other tools use the rule",
        )
    doubled = next((name for name in line.modifiers if line.modifiers.count(name) > 1), None)
    if doubled is not None:
        yield make_finding("modifier-twice", f"`{doubled}` appears twice in `{line.name}`", line.location, "remove one")


def _expression(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    try:
        tree = parser.parse(node.text)
    except (re.error, RecursionError, OverflowError):
        return
    if any(operation in (ops.ASSERT, ops.ASSERT_NOT, ops.GROUPREF_EXISTS) for operation, _ in _walk(tree)):
        yield make_finding(
            "regex-lookaround",
            f"the expression of `{line.name}` has lookaround, which search engines do not support",
            node.location,
            "its literal parts narrow the search and events are confirmed in memory; other tools may reject it",
        )
    if any(
        operation in _REPEATS and _is_open(argument) and _repeats(argument[2]) for operation, argument in _walk(tree)
    ):
        yield make_finding(
            "regex-backtracking",
            f"the expression of `{line.name}` has nested repetitions, which take very long on some values",
            node.location,
            "write the inner part without `+` or `*`, or end it with a fixed character",
        )
    yield from _as_modifier(line, node)


def _walk(tree: Any) -> Iterator[tuple[Any, Any]]:
    for operation, argument in tree:
        yield operation, argument
        for inner in _inside(operation, argument):
            yield from _walk(inner)


def _inside(operation: Any, argument: Any) -> Iterator[Any]:
    if operation in (*_REPEATS, ops.POSSESSIVE_REPEAT):
        yield argument[2]
    elif operation is ops.SUBPATTERN:
        yield argument[3]
    elif operation is ops.BRANCH:
        yield from argument[1]
    elif operation in (ops.ASSERT, ops.ASSERT_NOT):
        yield argument[1]
    elif operation is ops.ATOMIC_GROUP:
        yield argument
    elif operation is ops.GROUPREF_EXISTS:
        yield from (branch for branch in argument[1:] if branch is not None)


def _is_open(argument: Any) -> bool:
    return bool(argument[1] >= _MANY)


def _repeats(tree: Any) -> bool:
    """Whether the repeated part is itself a repetition, so that a text can be split in many ways."""
    parts = list(tree)
    while len(parts) == 1 and parts[0][0] is ops.SUBPATTERN:
        parts = list(parts[0][1][3])
    if len(parts) == 1 and parts[0][0] is ops.BRANCH:
        return any(_repeats(branch) for branch in parts[0][1][1])
    return len(parts) == 1 and parts[0][0] in _REPEATS and _is_open(parts[0][1])


def _as_modifier(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    """Yield a finding if an expression is a literal at the start, at the end or anywhere."""
    plain = _PLAIN.fullmatch(node.text)
    if plain is None or set(line.modifiers) - {"re", "i"} or "i" not in line.modifiers:
        return  # without the flag `i` the expression is case-sensitive, unlike the modifier
    start, before, text, behind, end = plain.groups()
    starts, ends = bool(start) and not before, bool(end) and not behind
    modifier = "contains" if not starts and not ends else "startswith" if not ends else "endswith" if not starts else ""
    value = re.sub(r"\\(.)", r"\1", text)
    equivalent = f"`{modifier}`" if modifier else "the plain value"
    yield make_finding(
        "regex-for-modifier",
        f"the expression is equivalent to {equivalent}, which is faster",
        node.location,
        f"write `{'|'.join(part for part in (line.field, modifier) if part)}: '{value}'`",
    )
