"""Untrusted text of rules for pages."""

from __future__ import annotations

from watcher.printable import printable_text


def visible(text: str) -> str:
    """Return a text with control characters, as escape sequences; keep line ends and tabs."""
    if text.isprintable():
        return text
    return "\n".join(map(_line, text.replace("\r\n", "\n").split("\n")))


def _line(text: str) -> str:
    return text if text.isprintable() else "\t".join(map(printable_text, text.split("\t")))


def web(address: str) -> str | None:
    """Return the address of a web page, None for any other address."""
    bare = address.strip()
    return bare if bare.lower().startswith(("https://", "http://")) and bare.isprintable() else None
