"""Base64 in command lines, decoded for readers: what an encoded PowerShell command does."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

_TOKEN = re.compile(r"(?<![A-Za-z0-9+/=\\])[A-Za-z0-9+/]{16,}={0,2}(?![A-Za-z0-9+/=])")
_LONGEST = 40_000  # characters that are searched
_LEAST_PRINTABLE = 0.9
_MOST = 3
_GZIP = b"\x1f\x8b"


def decoded_texts(texts: Iterable[str]) -> tuple[str, ...]:
    """Return what Base64 in some texts says, each once; words that only look like Base64 decode to no text."""
    decoded = (text for source in texts for text in _decoded(source[:_LONGEST]))
    return tuple(dict.fromkeys(decoded))[:_MOST]


def _decoded(text: str) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        content = _content(token)
        if content is None:
            continue
        if content.startswith(_GZIP):
            yield "(compressed data, not decoded)"
            continue
        for encoding in _encodings(content):
            try:
                readable = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            if _is_text(readable):
                yield readable.strip("\x00")
                break


def _content(token: str) -> bytes | None:
    stripped = token.rstrip("=")
    padded = stripped + "=" * (-len(stripped) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _encodings(content: bytes) -> tuple[str, ...]:
    half = content[1::2]
    is_wide = len(content) % 2 == 0 and half.count(0) * 2 > len(half)
    return ("utf-16-le",) if is_wide else ("utf-8",)


def _is_text(text: str) -> bool:
    if len(text) < 6:
        return False
    printable = sum(character.isprintable() or character in "\r\n\t" for character in text)
    letters = sum(character.isascii() for character in text)
    return printable >= _LEAST_PRINTABLE * len(text) and letters >= _LEAST_PRINTABLE * len(text)
