"""`%names%` in a rule's strings → the values that settings give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from watcher.model import SigmaString, Wildcard
from watcher.sigma.sigma_strings import parse_sigma_string

Placeholders = Mapping[str, tuple[str, ...]]

_NAME = re.compile(r"%([A-Za-z0-9_.-]+)%")


class PlaceholderError(ValueError):
    """Settings give a placeholder no values; the sentence names it."""


def in_writing(written: str, placeholders: Placeholders) -> tuple[str, ...]:
    """Put values into a string as written; one string for each choice of values."""
    _known(written, placeholders)
    made = [""]
    for number, literal in enumerate(_NAME.split(written)):
        choices = placeholders[literal] if number % 2 else (literal,)
        made = [_seamless(before, choice) for before in made for choice in choices]
    return tuple(made)


def in_text(text: SigmaString, placeholders: Placeholders) -> tuple[SigmaString, ...]:
    """Put values, which are read as strings of a rule, into the literal parts of a text."""
    made: list[tuple[str | Wildcard, ...]] = [()]
    for part in text.parts:
        if isinstance(part, Wildcard):
            made = [(*before, part) for before in made]
            continue
        _known(part, placeholders)
        for number, literal in enumerate(_NAME.split(part)):
            choices = (
                [parse_sigma_string(value).parts for value in placeholders[literal]] if number % 2 else [(literal,)]
            )
            made = [(*before, *choice) for before in made for choice in choices]
    return tuple(SigmaString(_joined(parts), text.cased) for parts in made)


def _known(written: str, placeholders: Placeholders) -> None:
    for name in _NAME.findall(written):
        if name not in placeholders:
            raise PlaceholderError(
                f"the placeholder `%{name}%` has no values; give them in settings under `placeholders`"
            )


def _seamless(before: str, after: str) -> str:
    r"""Bring two pieces of a string together so that a `\` at the end of the first escapes nothing of the second."""
    slashes = len(before) - len(before.rstrip("\\"))
    return f"{before}\\{after}" if slashes % 2 and after[:1] in ("*", "?", "\\") else before + after


def _joined(parts: Iterable[str | Wildcard]) -> tuple[str | Wildcard, ...]:
    """Bring neighbouring literals together and drop empty ones."""
    made: list[str | Wildcard] = []
    for part in parts:
        if isinstance(part, str) and made and isinstance(made[-1], str):
            made[-1] += part
        elif part:
            made.append(part)
    return tuple(made)
