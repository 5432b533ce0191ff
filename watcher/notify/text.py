"""Text that an attacker may have written → text that only shows: no control, no markup, no end without limit."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

LONGEST = 4_000
"""How many characters of one value are shown."""

_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})  # control, format (bidi, zero width), separators, lone surrogates
_KEPT = frozenset("\n\t\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")  # emoji and whole scripts need the joiners
_SLACK_MARKUP = re.compile(r"([*_~`])")
_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[@!#&])", re.IGNORECASE)
_GAP = "\N{ZERO WIDTH SPACE}"


def visible(text: str) -> str:
    """Write every character that a reader could not see as its code point, e.g. `[U+202E]`.

    Once here, so that no template has to think of terminals' escapes or of text that runs backwards.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_seen(character) for character in text.replace("\r\n", "\n"))


def _seen(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"[U+{ord(character):04X}]"


def cut(text: str, limit: int = LONGEST) -> str:
    """Shorten text to a limit, saying how many characters are missing."""
    if len(text) <= limit:
        return text
    said = f"… ({len(text):,} more characters)"  # as long as the real one, or longer
    kept = max(limit - len(said), 0)
    return f"{text[:kept]}… ({len(text) - kept:,} more characters)"[:limit]


def shown(value: Any, limit: int = LONGEST) -> str:
    """Show any JSON value as text of bounded length; None is the empty string."""
    if value is None:
        return ""
    if isinstance(value, str):
        return cut(visible(value[: limit * 2]), limit) if len(value) <= limit else _cut_early(value, limit)
    if isinstance(value, list | tuple):
        return cut(", ".join(shown(entry, limit) for entry in value), limit)
    return cut(visible(json.dumps(value, ensure_ascii=False, default=str)), limit)


def _cut_early(text: str, limit: int) -> str:
    # the count is of the characters as they were written, before any became a code point
    kept = max(limit - len(f"… ({len(text):,} more characters)"), 0)
    return f"{cut(visible(text[:kept]), kept)}… ({len(text) - kept:,} more characters)"


def oneline(text: str, limit: int = 200) -> str:
    """Make one line: breaks and runs of blanks become one blank, control characters become visible."""
    return cut(visible(" ".join(text.split())), limit)


def mrkdwn(text: str) -> str:
    """Make text safe inside Slack's markup: `&`, `<` and `>` escaped, so no link and no mention; no bold, no code.

    Slack has no escape for `*_~` and the backtick: a zero-width space on both sides keeps them from pairing. The
    shipped template needs none of it for events, it puts them where Slack reads no markup at all.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    gaps = _SLACK_MARKUP.sub(rf"{_GAP}\1{_GAP}", escaped)
    return gaps.replace("@", f"@{_GAP}")


def unmention(text: str) -> str:
    """Keep chat services from calling people: a zero-width space goes into `@everyone`, `<!channel>` and their like."""
    return _MENTION.sub(lambda found: f"{found[0]}{_GAP}", text)
