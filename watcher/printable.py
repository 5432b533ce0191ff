"""Untrusted text for the terminal."""

from __future__ import annotations


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
