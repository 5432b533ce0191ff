"""YAML as highlighted HTML, and JSON in a readable layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any

from markupsafe import Markup
from pygments.lexers import YamlLexer
from pygments.token import Token, _TokenType

from watcher.catalogue.page_text import visible

_WIDTH = 100  # columns of a clause on one line
_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Token.Comment, "c"),
    (Token.Name.Tag, "k"),
    (Token.Name.Variable, "k"),
    (Token.Literal.Number, "n"),
    (Token.Literal.String, "s"),
    (Token.Literal.Scalar, ""),
    (Token.Punctuation, "p"),
)


def yaml_block(text: str) -> Markup:
    """Return YAML as highlighted HTML."""
    return Markup("").join(Markup(f"{line}\n") for line in _lines(text))  # noqa: S704 - every part is escaped


def yaml_numbered(text: str, first: int) -> Markup:
    """Return YAML as highlighted HTML, each line with number and anchor."""
    lines = (f'<span class="l" id="L{at}" data-n="{at}">{line}\n</span>' for at, line in enumerate(_lines(text), first))
    return Markup("".join(lines))  # noqa: S704 - every part is escaped


def _lines(text: str) -> list[str]:
    lines: list[str] = [""]
    for kind, value in YamlLexer(stripnl=False, ensurenl=False).get_tokens(text.rstrip("\n")):
        name = _class(kind)
        for number, part in enumerate(visible(value).split("\n")):
            if number:
                lines.append("")
            if part:
                shown = escape(part)
                lines[-1] += f'<i class="{name}">{shown}</i>' if name else shown
    return lines


@cache
def _class(kind: _TokenType) -> str:
    return next((name for token, name in _CLASSES if kind[: len(token)] == token), "")


def pretty(value: Any) -> str:
    """Return JSON in which short clauses take a single line."""
    return "\n".join(_layout(value, 0))


def _layout(value: Any, depth: int) -> list[str]:
    """Return the lines of a value; a short value is a single line."""
    if isinstance(value, Mapping):
        parts = [_prefixed(f"{_quoted(key)}: ", _layout(item, depth + 1)) for key, item in value.items()]
        return _joined("{", parts, "}", depth)
    if isinstance(value, list | tuple):
        return _joined("[", [_layout(item, depth + 1) for item in value], "]", depth)
    return [json.dumps(value, ensure_ascii=False)]


def _joined(opening: str, parts: list[list[str]], closing: str, depth: int) -> list[str]:
    if all(len(part) == 1 for part in parts):
        flat = f"{opening}{', '.join(part[0] for part in parts)}{closing}"
        if len(flat) + 2 * depth <= _WIDTH or not parts:
            return [flat]
    inner = (_comma(part, last=number == len(parts) - 1) for number, part in enumerate(parts))
    return [opening, *(f"  {line}" for part in inner for line in part), closing]


def _prefixed(prefix: str, lines: list[str]) -> list[str]:
    return [prefix + lines[0], *lines[1:]]


def _comma(lines: list[str], *, last: bool) -> list[str]:
    return lines if last else [*lines[:-1], f"{lines[-1]},"]


@cache
def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)
