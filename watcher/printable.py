"""Text that anybody may have written, shown as data."""

from __future__ import annotations


def printable_text(text: object) -> str:
    """Show a text as data: control characters, those that turn its direction too, are written out."""
    return "".join(
        one if one.isprintable() or one == " " else f"\\x{ord(one):02x}" if ord(one) < 256 else f"\\u{ord(one):04x}"
        for one in str(text)
    )
