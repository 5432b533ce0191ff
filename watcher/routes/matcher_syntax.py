r"""The text of matchers, in Alertmanager's syntax: `{level=~"high|critical", host!="DC01"}`.

The braces may be left out, and so may the quotes around a value without spaces and commas. In quotes `\\` is a
backslash and `\"` a quote; any other backslash means itself, so that `user="CORP\bob"` is what it looks like.
"""

from __future__ import annotations

import re

from watcher.model import Level
from watcher.routes.label_matchers import LEVEL, LabelMatcher, Matchers, MatchOperator, compile_pattern

_MATCHER = re.compile(
    r"""\s*(?P<label>[A-Za-z_][A-Za-z0-9_.@|-]*)
    \s*(?P<operator>=~|!~|!=|>=|<=|=)
    \s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"{}]+))
    \s*(?P<end>,|$)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r'\\(["\\])')
_LONGEST = 4096  # characters
_EXAMPLE = 'write it as `level=~"high|critical", host!="DC01"`'


class MatcherError(ValueError):
    """A text that is no matcher; `fix` says how to write it."""

    def __init__(self, message: str, fix: str = _EXAMPLE) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


def parse_matchers(text: str) -> Matchers:
    """Return the matchers of a text, at least one; raise a MatcherError that says what is wrong with it."""
    if len(text) > _LONGEST:
        raise MatcherError(f"matchers have at most {_LONGEST} characters", "use several routes or silences")
    inner = _without_braces(text.strip())
    matchers: list[LabelMatcher] = []
    position = 0
    while position < len(inner):
        match = _MATCHER.match(inner, position)
        if match is None:
            raise MatcherError(f"no matcher at `{_shown(inner[position:].strip())}`")
        matchers.append(_matcher(match))
        position = match.end()
    if not matchers:
        raise MatcherError("the text has no matcher")
    return tuple(matchers)


def _matcher(match: re.Match[str]) -> LabelMatcher:
    label, operator = match["label"], MatchOperator(match["operator"])
    plain = match["plain"]
    value = _ESCAPED.sub(r"\1", match["quoted"]) if plain is None else plain
    if operator.is_pattern:
        _check_pattern(value)
    if operator.is_order and label != LEVEL:
        raise MatcherError(f"`{operator}` compares levels, and `{label}` has no order", "use `=`, `!=`, `=~` or `!~`")
    if label == LEVEL and not operator.is_pattern and value.lower() not in tuple(Level):
        raise MatcherError(f"`{_shown(value)}` is no level", f"use {', '.join(f'`{level}`' for level in Level)}")
    return LabelMatcher(label=label, operator=operator, values=(value,))


def _check_pattern(pattern: str) -> None:
    try:
        compile_pattern(pattern)
    except ValueError as fault:
        advice = "RE2 has no look-around and no references to groups"
        raise MatcherError(f"`{_shown(pattern)}` is no regular expression of RE2: {fault}", advice) from fault


def _without_braces(text: str) -> str:
    if text.startswith("{") != text.endswith("}"):
        raise MatcherError("a brace is missing")
    return text[1:-1].strip() if text.startswith("{") else text


def _shown(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
