"""The selections of a rule as stages, each with its predicates and its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from watcher.catalogue.indicators import KEYWORDS, spelled
from watcher.model import And, ConditionNode, DetectionItem, Not, Or, Rule, Selection
from watcher.sigma.rule_texts import full_text

_WORDS = {
    "contains": "contains",
    "startswith": "starts with",
    "endswith": "ends with",
    "re": "matches the regular expression",
    "cidr": "is in the network",
    "lt": "is less than",
    "lte": "is at most",
    "gt": "is greater than",
    "gte": "is at least",
    "exists": "exists:",
    "fieldref": "equals the field",
    "base64": "contains in Base64",
    "base64offset": "contains in Base64, at any offset,",
}
_REMARKS = {
    "cased": "case-sensitive",
    "windash": "with any dash",
    "wide": "as UTF-16",
    "utf16le": "as UTF-16LE",
    "utf16be": "as UTF-16BE",
    "utf16": "as UTF-16 with a byte order mark",
    "expand": "with placeholders expanded",
    "i": "case-insensitive",
    "ignorecase": "case-insensitive",
    "m": "multi-line",
    "multiline": "multi-line",
    "s": "a dot matches line ends",
    "dotall": "a dot matches line ends",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLine:
    """One line of a stage's tree: depth, text and values."""

    depth: int
    text: str  # a heading such as `all of`, or a field and how it is compared
    values: tuple[str, ...] = ()
    join: str = ""  # `any of` or `all of`, for several values
    line: int | None = None  # of the file
    is_predicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A selection."""

    name: str
    line: int
    text: str  # as the author wrote it
    tree: tuple[StageLine, ...]


def stages(rule: Rule) -> tuple[Stage, ...]:
    """Return the selections in their order."""
    return tuple(
        Stage(
            name=selection.name,
            line=selection.location.line,
            text=source_of(rule, selection),
            tree=tuple(_lines(selection.node, 0)),
        )
        for selection in rule.selections
    )


def _lines(node: ConditionNode, depth: int) -> Iterator[StageLine]:
    if isinstance(node, DetectionItem):
        yield _predicate(node, depth)
    elif isinstance(node, Not):
        yield StageLine(depth=depth, text="not")
        yield from _lines(node.of, depth + 1)
    elif isinstance(node, And | Or):
        yield StageLine(depth=depth, text="all of" if isinstance(node, And) else "any of")
        for branch in node.of:
            yield from _lines(branch, depth + 1)


def _predicate(item: DetectionItem, depth: int) -> StageLine:
    values = tuple(spelled(value) for value in item.source_values) or ("null",)
    return StageLine(
        depth=depth,
        text=" ".join(_words(item)),
        values=values,
        join=("all of" if item.match_all else "any of") if len(values) > 1 else "",
        line=item.location.line if item.location else None,
        is_predicate=True,
    )


def _words(item: DetectionItem) -> Iterator[str]:
    yield item.field or KEYWORDS
    words = [_WORDS[name] for name in item.modifiers if name in _WORDS]
    times = [name for name in item.modifiers if name in ("minute", "hour", "day", "week", "month", "year")]
    yield from (f"({name})" for name in times)
    yield " ".join(words) or ("contains" if item.field is None else "is")
    yield from (f"({_REMARKS[name]})" for name in item.modifiers if name in _REMARKS)


# --------------------------------------------------------------------------- source of a selection


def source_of(rule: Rule, selection: Selection) -> str:
    """Return the source of a selection from the rule's text, including duplicates of its name."""
    lines = full_text(rule).splitlines()
    first = selection.location.line - rule.location.line + _leading(lines)
    if not 0 <= first < len(lines):
        return ""
    indent = len(lines[first]) - len(lines[first].lstrip())
    opening = re.compile(rf"\s{{{indent}}}['\"]?{re.escape(selection.name)}['\"]?\s*:")
    starts = [number for number in range(first, len(lines)) if number == first or opening.match(lines[number])]
    return "\n".join(line[indent:] for start in starts for line in _block(lines, start, indent))


def _leading(lines: list[str]) -> int:
    """Return the number of lines before the first with content, which is the rule's location."""
    for number, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith(("#", "---", "%")):
            return number
    return 0


def _block(lines: list[str], start: int, indent: int) -> list[str]:
    end = start + 1
    while end < len(lines) and _belongs(lines[end], indent):
        end += 1
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


def _belongs(line: str, indent: int) -> bool:
    bare = line.lstrip()
    return not bare or len(line) - len(bare) > indent or (bare.startswith("- ") and len(line) - len(bare) == indent)
