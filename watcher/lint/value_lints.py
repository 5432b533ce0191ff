"""Lints of values with an unintended or redundant spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import RuleSource, SourceLine
from watcher.match.matchers import fold
from watcher.model import Finding, SigmaString, Wildcard
from watcher.sigma.modified_values import LONGEST_NUMBER
from watcher.sigma.sigma_strings import literal, parse_sigma_string
from watcher.yaml_nodes.nodes import ScalarNode

_NO_WILDCARDS = {"re", "cidr", "exists", "fieldref", "lt", "lte", "gt", "gte", "expand"}  # `*` is not a wildcard there
_OPENERS = {"contains", "startswith", "endswith"}
_CASED = {"re", "cased", "base64", "base64offset"}
_DIGITS = re.compile(r"[+-]?[0-9]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PROGRAM = re.compile(r"[\w.-]+\.exe", re.IGNORECASE)
_PROGRAM_FIELDS = {"Image", "ParentImage", "NewProcessName", "ParentProcessName", "SourceImage", "TargetImage"}
_OPTION = re.compile(r" ?(-|/)[A-Za-z][\w-]* ?")
_COMMAND_FIELDS = {"CommandLine", "ParentCommandLine"}
_COMMON = re.compile(r"[A-Za-z0-9 .\\/-]")  # characters that most paths and command lines contain
_MAX_COMPARED = 400  # values of one list that are compared with each other


def lint(rule: RuleSource) -> Iterator[Finding]:
    """Yield the findings about every value of the selections."""
    for line in rule.lines:
        for node in line.values:
            yield from _control(line, node)
            yield from _long_number(line, node)
            if not _NO_WILDCARDS & set(line.modifiers) and isinstance(node.value, str) and node.value:
                yield from _wildcards(line, node, parse_sigma_string(node.text))
                yield from _intent(line, node)
        yield from _duplicates(line)


def _control(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    match = _CONTROL.search(node.text)
    if match is not None:
        yield make_finding(
            "control-character",
            f"a value of `{line.name}` contains the control character U+{ord(match.group()):04X}",
            node.location,
            "put the value in single quotes, where a backslash is literal",
        )


def _long_number(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    digits = len(node.text.lstrip("+-"))
    if digits > LONGEST_NUMBER and _DIGITS.fullmatch(node.text):
        yield make_finding(
            "long-number",
            f"a value of `{line.name}` has {digits:,} digits, so it is compared as text and not as a number",
            node.location,
            "check the value; put it in single quotes if the text is meant",
        )


# --------------------------------------------------------------------------- wildcards


def _wildcards(line: SourceLine, node: ScalarNode, text: SigmaString) -> Iterator[Finding]:
    parts = text.parts
    if any(first is second is Wildcard.ANY for first, second in pairwise(parts)):
        yield make_finding("double-wildcard", f"`{node.text}` contains two adjacent `*`", node.location, "write one")
    escaped = re.search(r"\\[*?]", node.text.replace("\\\\", ""))
    if escaped:
        yield make_finding(
            "escaped-wildcard",
            f"`{node.text}` matches the character after the backslash literally",
            node.location,
            r"write `\\*` to match a backslash followed by anything",
        )
    if not line.field or len(parts) < 2 or escaped:
        return
    opens, ends = parts[0] is Wildcard.ANY, parts[-1] is Wildcard.ANY
    used = _OPENERS & set(line.modifiers)
    if not used and not set(line.modifiers) - {"all", "neq", "windash"}:
        yield from _instead(line, node, parts, opens=opens, ends=ends)
    elif used & {"contains", "endswith"} and opens:
        yield _redundant(line, node, "before the value")
    elif used & {"contains", "startswith"} and ends:
        yield _redundant(line, node, "after the value")


def _instead(
    line: SourceLine, node: ScalarNode, parts: Sequence[str | Wildcard], *, opens: bool, ends: bool
) -> Iterator[Finding]:
    inner = parts[opens : len(parts) - ends]
    if len(inner) != 1 or not isinstance(inner[0], str) or not (opens or ends):
        return
    modifier = "contains" if opens and ends else "endswith" if opens else "startswith"
    yield make_finding(
        "wildcard-for-modifier",
        f"`{node.text}` of `{line.name}` is equivalent to `{modifier}`",
        node.location,
        f"write `{line.field}|{modifier}` and the value without `*`",
    )


def _redundant(line: SourceLine, node: ScalarNode, where: str) -> Finding:
    return make_finding(
        "redundant-wildcard", f"`{line.name}` already allows any text {where}", node.location, "remove the `*`"
    )


# --------------------------------------------------------------------------- intent


def _intent(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    text, modifiers = node.text, set(line.modifiers)
    if node.quoted and text.isdecimal() and line.field and not modifiers and str(int(text)) == text:
        yield make_finding("number-as-text", f"the number {text} is in quotes", node.location, f"write {text}")
    if "contains" in modifiers and _COMMON.fullmatch(text):
        yield make_finding(
            "short-value",
            f"`{text}` occurs in nearly every value of `{line.field}`",
            node.location,
            "use a longer value",
        )
    if line.field in _PROGRAM_FIELDS and "endswith" in modifiers and _PROGRAM.fullmatch(text):
        yield make_finding(
            "program-without-backslash",
            f"`{text}` also matches the end of other program names, e.g. `not{text}`",
            node.location,
            rf"write `\{text}`",
        )
    if line.field in _COMMAND_FIELDS and "windash" not in modifiers and (option := _OPTION.fullmatch(text)):
        yield make_finding(
            "dash-without-windash",
            f"`{text.strip()}` can also be written with {'a slash' if option[1] == '-' else 'a dash'} or a longer dash",
            node.location,
            f"write `{'|'.join((line.field, 'windash', *line.modifiers))}` if the program accepts all of them",
        )


# --------------------------------------------------------------------------- lists


def _duplicates(line: SourceLine) -> Iterator[Finding]:
    seen: dict[str, ScalarNode] = {}
    for node in line.values:
        key = node.text if _CASED & set(line.modifiers) else node.text.lower()
        if key in seen:
            yield make_finding(
                "duplicate-value",
                f"`{node.text}` appears twice in `{line.name}`, first in line {seen[key].location.line}",
                node.location,
                "remove one",
            )
        seen.setdefault(key, node)
    if len(seen) <= _MAX_COMPARED and "all" not in line.modifiers and "neq" not in line.modifiers:
        yield from _covered(line, tuple(seen.values()))


def _covered(line: SourceLine, nodes: Sequence[ScalarNode]) -> Iterator[Finding]:
    """Yield a finding for every value that a shorter value of the list covers."""
    used = _OPENERS & set(line.modifiers)
    if len(used) != 1 or set(line.modifiers) - used:
        return
    literals = [(literal(parse_sigma_string(node.text)), node) for node in nodes if isinstance(node.value, str)]
    plain = [(fold(text), node) for text, node in literals if text]
    everything = "\n".join(text for text, _ in plain)
    parts = [(part, node) for part, node in plain if everything.find(part, everything.find(part) + 1) >= 0]
    if not parts:  # as in most lists: each value is in no other
        return
    covers = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[used.pop()]
    for text, node in plain:
        shorter = next((other for part, other in parts if len(part) < len(text) and covers(text, part)), None)
        if shorter is not None:
            message = f"`{node.text}` is covered by `{shorter.text}` in the same list"
            yield make_finding("covered-value", message, node.location, "remove it")
