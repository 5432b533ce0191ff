"""Text that somebody wrote into a rule, as a page may show it."""

from __future__ import annotations

from watcher.printable import printable_text


def visible(text: str) -> str:
    """Write out control characters, those that turn the direction of text too; line ends and tabs stay."""
    if text.isprintable():
        return text
    return "\n".join(map(_line, text.replace("\r\n", "\n").split("\n")))


def _line(text: str) -> str:
    return text if text.isprintable() else "\t".join(map(printable_text, text.split("\t")))


def web(address: str) -> str | None:
    """Give an address that a browser may follow, None for anything else than a web page."""
    bare = address.strip()
    return bare if bare.lower().startswith(("https://", "http://")) and bare.isprintable() else None
