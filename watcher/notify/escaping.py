"""Text that an attacker may have written → text that only shows: no control, no markup, no end without limit."""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_right
from itertools import accumulate
from typing import Any

from watcher.printable import MAX_LENGTH, missing_characters, truncate

_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})  # control, format (bidi, zero width), separators, lone surrogates
_KEPT = frozenset("\n\t\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")  # emoji and whole scripts need the joiners
_SLACK_MARKUP = re.compile(r"([*_~`])")
# Mentions of Slack, Discord, Mattermost, Rocket.Chat, Zulip (`@**all**`) and Google Chat (`<users/all>`).
_ROOMS = r"@(?=everyone|here|channel|all\b)"
_NAMES = r"(?<![\w.+-])@(?=[\w*_])"  # not within a mail address
_MENTION = re.compile(rf"{_ROOMS}|{_NAMES}|<(?=[@!#&]|users/|at>)", re.IGNORECASE)
# Links under another text: `<https://…|text>` of Slack and Google Chat, `[text](…)`, and `[1]: https://…`.
_LINK = re.compile(r"<(?=[a-z][a-z0-9+.-]+:)|\](?=\(|:\s*<?[a-z][a-z0-9+.-]+:)", re.IGNORECASE)
_HARD_BREAK = re.compile(r"(?<=\S)[ \t]*\n(?=[^\s*\-•\d])")  # not before a list item or an indented line
_GAPS = re.compile(r"\n[ \t]*\n\s*")
_GAP = "\N{ZERO WIDTH SPACE}"


def visible_text(text: str) -> str:
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


def bounded_text(value: Any, limit: int = MAX_LENGTH) -> str:
    """Show any JSON value as visible text of bounded length; None is the empty string."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _bounded(value, limit)
    if isinstance(value, list | tuple):
        return truncate(", ".join(bounded_text(entry, limit) for entry in value), limit)
    return _bounded(json.dumps(value, ensure_ascii=False, default=str), limit)


def _bounded(text: str, limit: int) -> str:
    if len(text) <= limit and len(visible := visible_text(text)) <= limit:
        return visible
    # the count is of the characters as they were sent, before any became a code point
    text = text.replace("\r\n", "\n")
    room = limit - len(missing_characters(len(text)))
    seen = [_seen(character) for character in text[: max(room, 0)]]
    ends = list(accumulate(map(len, seen)))
    kept = bisect_right(ends, room)
    return "".join(seen[:kept]) + missing_characters(len(text) - kept)


def folded(text: str) -> str:
    """Join the lines of each paragraph: authors wrap them at a width that no reader has. Lists and indents stay."""
    return "\n\n".join(_HARD_BREAK.sub(" ", paragraph.strip("\n")) for paragraph in _GAPS.split(text.strip()))


def single_line(text: str, limit: int = 200) -> str:
    """Make one line: breaks and runs of blanks become one blank, control characters become visible."""
    return bounded_text(" ".join(text.split()), limit)


def escape_mrkdwn(text: str) -> str:
    """Make text safe inside Slack's markup: `&`, `<` and `>` escaped, so no link and no mention; no bold, no code.

    Slack has no escape for `*_~` and the backtick: a zero-width space on both sides keeps them from pairing. The
    shipped template needs none of it for events, it puts them where Slack reads no markup at all.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    unpaired = _SLACK_MARKUP.sub(rf"{_GAP}\1{_GAP}", escaped)
    return unpaired.replace("@", f"@{_GAP}")


def neutralise_mentions_and_links(text: str) -> str:
    """Keep chat services from calling people, and from showing an address under another text.

    A zero-width space goes into `@everyone`, `<!channel>`, `[text](https://…)` and their like. Bare addresses stay.
    """
    return _LINK.sub(_with_gap, _MENTION.sub(_with_gap, text))


def _with_gap(match: re.Match[str]) -> str:
    return f"{match[0]}{_GAP}"
