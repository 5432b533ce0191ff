"""Lints of modifier combinations and of regular expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import RuleSource, SourceLine
from watcher.match.regex_tree import Conditional, LookAround, parse_regex, walk_regex
from watcher.model import Finding
from watcher.sigma.regex_dialect import to_python_regex
from watcher.yaml_nodes.nodes import ScalarNode

_NOT_EXACT = {"contains", "startswith", "endswith", "re", "neq", "fieldref"}
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
    if "all" in used and line.field:
        yield from _all_of_values(line)
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
    duplicate = next((name for name in line.modifiers if line.modifiers.count(name) > 1), None)
    if duplicate is not None:
        yield make_finding(
            "modifier-twice", f"`{duplicate}` appears twice in `{line.name}`", line.location, "remove one"
        )


def _all_of_values(line: SourceLine) -> Iterator[Finding]:
    """Yield a finding if `all` has a single value, or exact values of which a field has only one."""
    if len(line.values) < 2:
        yield make_finding(
            "all-single-value", f"`all` of `{line.name}` applies to a single value", line.location, "remove it"
        )
        return
    has_wildcard = any(re.search(r"(?<!\\)[*?]", node.text) for node in line.values)
    if not has_wildcard and not set(line.modifiers) & _NOT_EXACT:
        yield make_finding(
            "all-without-contains",
            f"`{line.name}` requires one value to equal {len(line.values)} values at once",
            line.location,
            f"write `{line.field}|contains|all` to match parts of the value",
        )


def _expression(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    try:
        tree = parse_regex(to_python_regex(node.text))
    except (re.error, RecursionError, OverflowError):
        return
    if any(isinstance(part, LookAround | Conditional) for part in walk_regex(tree.parts)):
        yield make_finding(
            "regex-lookaround",
            f"the expression of `{line.name}` has lookaround, which search engines do not support",
            node.location,
            "its literal parts narrow the search and events are confirmed in memory; other tools may reject it",
        )
    yield from _as_modifier(line, node)


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
