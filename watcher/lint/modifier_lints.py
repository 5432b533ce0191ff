"""Modifiers that do not go together, and regular expressions that say too little or take too long."""

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
_MANY = 16  # repetitions from which nesting them is slow
_PLAIN = re.compile(r"(\^?)(\.\*\??)?((?:[^\\.^$*+?{}\[\]|()]|\\[\\.^$*+?{}\[\]|()/-])+)(\.\*\??)?(\$?)")


def lint(rule: RuleSource) -> Iterator[Finding]:
    """Look at the modifiers of every entry."""
    for line in rule.lines:
        yield from _together(line)
        if "re" in line.modifiers:
            for node in line.values:
                yield from _expression(line, node)


def _together(line: SourceLine) -> Iterator[Finding]:
    used = set(line.modifiers)
    if "all" in used and line.field and len(line.values) < 2:
        yield make_finding(
            "all-single-value", f"`all` of `{line.name}` speaks of one value", line.location, "remove it"
        )
    elif "all" in used and line.field and not used & {"contains", "startswith", "endswith", "re", "neq", "fieldref"}:
        wild = [node for node in line.values if re.search(r"(?<!\\)[*?]", node.text)]
        if not wild:
            yield make_finding(
                "all-without-contains",
                f"`{line.name}` asks one value to be {len(line.values)} values at once",
                line.location,
                f"write `{line.field}|contains|all` where parts are meant",
            )
    if "base64offset" in used and "contains" not in used:
        yield make_finding(
            "base64offset-without-contains",
            f"`{line.name}` compares the middle of an encoded text with the whole value",
            line.location,
            f"write `{line.name}|contains`",
        )
    if {"windash", "all"} <= used:
        yield make_finding(
            "windash-all",
            f"tools that write out every dash ask for all of them at once in `{line.name}`",
            line.location,
            "write one selection for each value where other tools read the rule too",
        )
    doubled = next((one for one in line.modifiers if line.modifiers.count(one) > 1), None)
    if doubled is not None:
        yield make_finding("modifier-twice", f"`{doubled}` stands twice in `{line.name}`", line.location, "remove one")


def _expression(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    try:
        tree = parser.parse(node.text)
    except (re.error, RecursionError, OverflowError):
        return
    if any(operation in (ops.ASSERT, ops.ASSERT_NOT, ops.GROUPREF_EXISTS) for operation, _ in _walk(tree)):
        yield make_finding(
            "regex-lookaround",
            f"the expression of `{line.name}` looks around, which search engines cannot",
            node.location,
            "it is narrowed by its fixed parts and confirmed in memory; other tools may refuse it",
        )
    if any(
        operation in _REPEATS and _is_open(argument) and _repeats(argument[2]) for operation, argument in _walk(tree)
    ):
        yield make_finding(
            "regex-backtracking",
            f"the expression of `{line.name}` repeats a repetition: some events keep it busy for long",
            node.location,
            "write the inner part without `+` or `*`, or with a character that ends it",
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
        yield from (one for one in argument[1:] if one is not None)


def _is_open(argument: Any) -> bool:
    return bool(argument[1] >= _MANY)


def _repeats(tree: Any) -> bool:
    """Tell whether all that is repeated is itself a repetition, so that one text can be parted in many ways."""
    parts = list(tree)
    while len(parts) == 1 and parts[0][0] is ops.SUBPATTERN:
        parts = list(parts[0][1][3])
    if len(parts) == 1 and parts[0][0] is ops.BRANCH:
        return any(_repeats(branch) for branch in parts[0][1][1])
    return len(parts) == 1 and parts[0][0] in _REPEATS and _is_open(parts[0][1])


def _as_modifier(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    """Say where an expression is a fixed text at the start, the end or anywhere."""
    plain = _PLAIN.fullmatch(node.text)
    if plain is None or set(line.modifiers) - {"re", "i"} or "i" not in line.modifiers:
        return  # without the flag `i` the expression looks at the case, which the modifier does not
    start, before, text, behind, end = plain.groups()
    starts, ends = bool(start) and not before, bool(end) and not behind
    modifier = "contains" if not starts and not ends else "startswith" if not ends else "endswith" if not starts else ""
    written = re.sub(r"\\(.)", r"\1", text)
    yield make_finding(
        "regex-for-modifier",
        f"the expression says what `{modifier or 'the plain value'}` says, and is slower",
        node.location,
        f"write `{'|'.join(one for one in (line.field, modifier) if one)}: '{written}'`",
    )
