"""Values whose writing says something else than it seems, or less."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import RuleSource, SourceLine
from watcher.match.matchers import fold
from watcher.model import Finding, SigmaString, Wildcard
from watcher.sigma.sigma_strings import literal, parse_sigma_string
from watcher.yaml_nodes.nodes import ScalarNode

_OTHER_READING = {"re", "cidr", "exists", "fieldref", "lt", "lte", "gt", "gte", "expand"}  # `*` is no wildcard there
_OPENERS = {"contains", "startswith", "endswith"}
_CASED = {"re", "cased", "base64", "base64offset"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PROGRAM = re.compile(r"[\w.-]+\.exe", re.IGNORECASE)
_PROGRAM_FIELDS = {"Image", "ParentImage", "NewProcessName", "ParentProcessName", "SourceImage", "TargetImage"}
_OPTION = re.compile(r" ?(-|/)[A-Za-z][\w-]* ?")
_COMMAND_FIELDS = {"CommandLine", "ParentCommandLine"}
_COMMON = re.compile(r"[A-Za-z0-9 .\\/-]")  # characters that most paths and command lines hold
_MOST_COMPARED = 400  # values of one list that are compared each with each


def lint(rule: RuleSource) -> Iterator[Finding]:
    """Look at every value of the selections."""
    for line in rule.lines:
        for node in line.values:
            yield from _control(line, node)
            if not _OTHER_READING & set(line.modifiers) and isinstance(node.value, str) and node.value:
                yield from _wildcards(line, node, parse_sigma_string(node.text))
                yield from _meaning(line, node)
        yield from _twice(line)


def _control(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    held = _CONTROL.search(node.text)
    if held is not None:
        yield make_finding(
            "control-character",
            f"a value of `{line.name}` holds the control character U+{ord(held.group()):04X}",
            node.location,
            "put the value in single quotes, where a backslash stands for itself",
        )


# --------------------------------------------------------------------------- wildcards


def _wildcards(line: SourceLine, node: ScalarNode, text: SigmaString) -> Iterator[Finding]:
    parts = text.parts
    if any(one is two is Wildcard.ANY for one, two in pairwise(parts)):
        yield make_finding("double-wildcard", f"`{node.text}` has two `*` in a row", node.location, "write one")
    escaped = re.search(r"\\[*?]", node.text.replace("\\\\", ""))
    if escaped:
        yield make_finding(
            "escaped-wildcard",
            f"`{node.text}` looks for the character behind the backslash itself",
            node.location,
            r"write `\\*` where a backslash and then anything is meant",
        )
    if not line.field or len(parts) < 2 or escaped:
        return
    opens, ends = parts[0] is Wildcard.ANY, parts[-1] is Wildcard.ANY
    used = _OPENERS & set(line.modifiers)
    if not used and not set(line.modifiers) - {"all", "neq", "windash"}:
        yield from _instead(line, node, parts, opens=opens, ends=ends)
    elif used & {"contains", "endswith"} and opens:
        yield _redundant(line, node, "before it")
    elif used & {"contains", "startswith"} and ends:
        yield _redundant(line, node, "behind it")


def _instead(
    line: SourceLine, node: ScalarNode, parts: Sequence[str | Wildcard], *, opens: bool, ends: bool
) -> Iterator[Finding]:
    inner = parts[opens : len(parts) - ends]
    if len(inner) != 1 or not isinstance(inner[0], str) or not (opens or ends):
        return
    modifier = "contains" if opens and ends else "endswith" if opens else "startswith"
    yield make_finding(
        "wildcard-for-modifier",
        f"`{node.text}` of `{line.name}` says what `{modifier}` says",
        node.location,
        f"write `{line.field}|{modifier}` and the value without `*`",
    )


def _redundant(line: SourceLine, node: ScalarNode, where: str) -> Finding:
    return make_finding(
        "redundant-wildcard", f"`{line.name}` lets anything stand {where} already", node.location, "remove the `*`"
    )


# --------------------------------------------------------------------------- what is meant


def _meaning(line: SourceLine, node: ScalarNode) -> Iterator[Finding]:
    text, modifiers = node.text, set(line.modifiers)
    if node.quoted and text.isdecimal() and line.field and not modifiers and str(int(text)) == text:
        yield make_finding("number-as-text", f"the number {text} stands in quotes", node.location, f"write {text}")
    if "contains" in modifiers and _COMMON.fullmatch(text):
        yield make_finding(
            "short-value", f"`{text}` stands in nearly every value of `{line.field}`", node.location, "look for more"
        )
    if line.field in _PROGRAM_FIELDS and "endswith" in modifiers and _PROGRAM.fullmatch(text):
        yield make_finding(
            "program-without-backslash",
            f"`{text}` also ends the names of other programs, e.g. `not{text}`",
            node.location,
            rf"write `\{text}`",
        )
    if line.field in _COMMAND_FIELDS and "windash" not in modifiers and (option := _OPTION.fullmatch(text)):
        yield make_finding(
            "dash-without-windash",
            f"`{text.strip()}` is also written with {'a slash' if option[1] == '-' else 'a dash'} or a longer dash",
            node.location,
            f"write `{'|'.join((line.field, 'windash', *line.modifiers))}` where the program takes them all",
        )


# --------------------------------------------------------------------------- lists


def _twice(line: SourceLine) -> Iterator[Finding]:
    seen: dict[str, ScalarNode] = {}
    for node in line.values:
        key = node.text if _CASED & set(line.modifiers) else node.text.lower()
        if key in seen:
            yield make_finding(
                "duplicate-value",
                f"`{node.text}` stands twice in `{line.name}`, first in line {seen[key].location.line}",
                node.location,
                "remove one",
            )
        seen.setdefault(key, node)
    if len(seen) <= _MOST_COMPARED and "all" not in line.modifiers and "neq" not in line.modifiers:
        yield from _covered(line, tuple(seen.values()))


def _covered(line: SourceLine, nodes: Sequence[ScalarNode]) -> Iterator[Finding]:
    """Say which values add nothing to a shorter one of the list."""
    how = _OPENERS & set(line.modifiers)
    if len(how) != 1 or set(line.modifiers) - how:
        return
    literals = [(literal(parse_sigma_string(node.text)), node) for node in nodes if isinstance(node.value, str)]
    plain = [(fold(text), node) for text, node in literals if text]
    ensure_index = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[how.pop()]
    for text, node in plain:
        shorter = next((by for one, by in plain if len(one) < len(text) and ensure_index(text, one)), None)
        if shorter is not None:
            message = f"`{node.text}` adds nothing to `{shorter.text}` of the same list"
            yield make_finding("covered-value", message, node.location, "remove it")
