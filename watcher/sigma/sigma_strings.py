"""Strings of rules: escapes, wildcards and encodings.

Source: Sigma specification 2.1, "Escaping" and Appendix "Modifiers".
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence

from watcher.model import SigmaString, Wildcard

_SPECIAL = {"*": Wildcard.ANY, "?": Wildcard.ONE}
_NEEDS_READING = re.compile(r"[*?]|\\\\").search
_TOKENS = re.compile(r"\\[\\*?]|[*?]|[^\\*?]+|\\").findall
_ESCAPES = ("\\\\", "\\*", "\\?")
_DASH = re.compile(r"\B[-/]\b")


def parse_sigma_string(source: str) -> SigmaString:
    r"""Parse a string: `*` and `?` are wildcards, `\` escapes only them and itself."""
    if _NEEDS_READING(source) is None:  # most strings of rules
        return SigmaString((source,) if source else ())
    parts: list[str | Wildcard] = []
    literal = ""
    for token in _TOKENS(source):
        wildcard = _SPECIAL.get(token)
        if wildcard is None:
            literal += token[1:] if token in _ESCAPES else token
            continue
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(wildcard)
    if literal:
        parts.append(literal)
    return SigmaString(tuple(parts))


def is_literal(source: str) -> bool:
    """Whether a string is read as it is written, and is not empty."""
    return source != "" and _NEEDS_READING(source) is None


def are_literals(sources: Sequence[str]) -> bool:
    """Whether there are strings, all of them read as they are written, and none empty."""
    return bool(sources) and "" not in sources and _NEEDS_READING("\n".join(sources)) is None


def open_start(text: SigmaString) -> SigmaString:
    """Return the string with a leading `*`."""
    if text.parts[:1] == (Wildcard.ANY,):
        return text
    return SigmaString((Wildcard.ANY, *text.parts), text.cased)


def open_end(text: SigmaString) -> SigmaString:
    """Return the string with a trailing `*`."""
    if text.parts[-1:] == (Wildcard.ANY,):
        return text
    return SigmaString((*text.parts, Wildcard.ANY), text.cased)


def any_dash(text: SigmaString) -> SigmaString:
    """Return the string with a dash wildcard for every dash or slash before a word."""
    parts: list[str | Wildcard] = []
    for part in text.parts:
        if isinstance(part, Wildcard):
            parts.append(part)
            continue
        start = 0
        for match in _DASH.finditer(part):
            if match.start() > start:
                parts.append(part[start : match.start()])
            parts.append(Wildcard.DASH)
            start = match.end()
        if start < len(part):
            parts.append(part[start:])
    return SigmaString(tuple(parts), text.cased)


def literal(text: SigmaString) -> str | None:
    """Return the literal of a string without wildcards, else None."""
    if any(isinstance(part, Wildcard) for part in text.parts):
        return None
    return "".join(part for part in text.parts if isinstance(part, str))


def base64(data: bytes) -> SigmaString:
    """Return the Base64 encoding of bytes."""
    return SigmaString((b64encode(data).decode(),))


def base64_offsets(data: bytes) -> tuple[SigmaString, ...]:
    """Return the three encodings of bytes inside longer Base64 data, without the characters that vary."""
    forms = []
    for offset in range(3):
        encoded = b64encode(b" " * offset + data).decode()
        start = (0, 2, 3)[offset]
        end = (None, -3, -2)[(len(data) + offset) % 3]
        forms.append(SigmaString((encoded[start:end],)))
    return tuple(forms)
