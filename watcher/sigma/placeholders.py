"""Expansion of `%placeholders%` in rules with the values of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from watcher.model import SigmaString, Wildcard
from watcher.sigma.sigma_strings import parse_sigma_string

Placeholders = Mapping[str, tuple[str, ...]]

_NAME = re.compile(r"%([A-Za-z0-9_.-]+)%")


class PlaceholderError(ValueError):
    """The settings have no values for a placeholder; the message names it."""


def expand_source(source: str, placeholders: Placeholders) -> tuple[str, ...]:
    """Return a source string once for each combination of its placeholders' values."""
    _require_values(source, placeholders)
    strings = [""]
    for number, literal in enumerate(_NAME.split(source)):
        choices = placeholders[literal] if number % 2 else (literal,)
        strings = [_concatenate(start, choice) for start in strings for choice in choices]
    return tuple(strings)


def expand_string(text: SigmaString, placeholders: Placeholders) -> tuple[SigmaString, ...]:
    """Return a string once for each combination of values in its literal parts; values may have wildcards."""
    strings: list[tuple[str | Wildcard, ...]] = [()]
    for part in text.parts:
        if isinstance(part, Wildcard):
            strings = [(*start, part) for start in strings]
            continue
        _require_values(part, placeholders)
        for number, literal in enumerate(_NAME.split(part)):
            choices = (
                [parse_sigma_string(value).parts for value in placeholders[literal]] if number % 2 else [(literal,)]
            )
            strings = [(*start, *choice) for start in strings for choice in choices]
    return tuple(SigmaString(_merge_literals(parts), text.cased) for parts in strings)


def _require_values(source: str, placeholders: Placeholders) -> None:
    for name in _NAME.findall(source):
        if name not in placeholders:
            raise PlaceholderError(
                f"the placeholder `%{name}%` has no values; add them in settings under `placeholders`"
            )


def _concatenate(start: str, end: str) -> str:
    r"""Join two strings so that a `\` at the end of the first escapes nothing of the second."""
    slashes = len(start) - len(start.rstrip("\\"))
    return f"{start}\\{end}" if slashes % 2 and end[:1] in ("*", "?", "\\") else start + end


def _merge_literals(parts: Iterable[str | Wildcard]) -> tuple[str | Wildcard, ...]:
    """Merge adjacent literals and drop empty ones."""
    merged: list[str | Wildcard] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part:
            merged.append(part)
    return tuple(merged)
