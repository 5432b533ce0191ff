"""Cards in the size that Teams takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from watcher.printable import truncate

LARGEST = 27_000
"""Bytes of a message: Teams refuses more than 28 KB, and counts what the workflow puts around the card, too."""

_LIMITS = (2_000, 1_000, 500, 250, 120, 60)  # characters of one text, the longest that fits
_FIRST_ITEMS = 8  # of a card that is too large all the same
_NOTE = "This message was shortened to the size that Teams takes."


def fitted_card(body: str) -> str:
    """Return a message that is small enough: the texts of its cards are shortened, and a note says so."""
    if len(body.encode("utf-8", "replace")) <= LARGEST:
        return body
    for limit in _LIMITS:
        message = _shortened(json.loads(body), limit)
        for card in _cards(message):
            card.setdefault("body", []).append(_note())
        if _size(message) <= LARGEST:
            return json.dumps(message, ensure_ascii=False)
    for card in _cards(message):
        card["body"] = [*card["body"][:_FIRST_ITEMS], _note()]
        card.pop("actions", None)
    return json.dumps(message, ensure_ascii=False)


def _note() -> dict[str, Any]:
    return {"type": "TextBlock", "text": _NOTE, "wrap": True, "isSubtle": True}


def _size(message: Any) -> int:
    return len(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))


def _cards(message: Any) -> Iterator[dict[str, Any]]:
    for attachment in message["attachments"]:
        yield attachment["content"]


def _shortened(value: Any, limit: int) -> Any:
    """Return a value of JSON with shorter texts; addresses stay or go, and are never cut."""
    match value:
        case {"type": "Action.OpenUrl", "url": str(url)} if len(url) > limit * 2:
            return None
        case dict():
            return {key: inner if key == "url" else _shortened(inner, limit) for key, inner in value.items()}
        case list():
            return [kept for item in value if (kept := _shortened(item, limit)) is not None]
        case str():
            return truncate(value, limit)
    return value
