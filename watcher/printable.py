"""Untrusted text for people: control characters made visible, length bounded."""

from __future__ import annotations

MAX_LENGTH = 4_000
"""How many characters of one value are shown."""


def printable_text(text: object) -> str:
    """Return a text with control characters, including bidirectional ones, as escape sequences."""
    return "".join(
        char
        if char.isprintable() or char == " "
        else f"\\x{ord(char):02x}"
        if ord(char) < 256
        else f"\\u{ord(char):04x}"
        for char in str(text)
    )


def truncate(text: str, limit: int = MAX_LENGTH) -> str:
    """Shorten text to a limit, with the number of characters that are missing."""
    if len(text) <= limit:
        return text
    kept = max(limit - len(missing_characters(len(text))), 0)
    return f"{text[:kept]}{missing_characters(len(text) - kept)}"[:limit]


def missing_characters(count: int) -> str:
    """Return the suffix of a text that is cut."""
    return f"… ({count:,} more characters)"
