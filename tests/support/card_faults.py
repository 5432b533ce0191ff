"""Messages with an Adaptive Card, held against its schema of version 1.4 and the limits of Teams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# Source: the schema explorer of Adaptive Cards, and "Limits and specifications for Microsoft Teams".
LARGEST = 28 * 1024  # bytes of the message
MOST_ACTIONS = 6  # that Teams shows
_CARD = {"$schema", "type", "version", "msteams", "fallbackText", "body", "actions"}
_WORDS = {
    "size": {"Default", "Small", "Medium", "Large", "ExtraLarge"},
    "weight": {"Default", "Lighter", "Bolder"},
    "color": {"Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"},
    "fontType": {"Default", "Monospace"},
    "spacing": {"Default", "None", "Small", "Medium", "Large", "ExtraLarge", "Padding"},
}
_BOOLEANS = {"isSubtle", "italic", "strikethrough", "highlight", "underline", "wrap", "separator"}
_OWN = {
    "TextRun": {"text", "size", "weight", "color", "fontType", *_BOOLEANS - {"wrap", "separator"}},
    "TextBlock": {"text", "size", "weight", "color", "fontType", "spacing", "isSubtle", "wrap", "separator"},
    "RichTextBlock": {"inlines", "spacing", "separator"},
    "Action.OpenUrl": {"title", "url"},
}


def card_faults(body: str) -> Iterator[str]:
    """Yield what is wrong with a message of a workflow of Teams."""
    if len(body.encode()) > LARGEST:
        yield f"{len(body.encode())} bytes"
    message = json.loads(body)
    if set(message) != {"type", "attachments"} or message["type"] != "message":
        yield "no message"
    (attachment,) = message["attachments"]
    if attachment["contentType"] != "application/vnd.microsoft.card.adaptive" or attachment["contentUrl"] is not None:
        yield "no card"
    card = attachment["content"]
    if (card["type"], card["version"]) != ("AdaptiveCard", "1.4") or not set(card) <= _CARD:
        yield "no card of version 1.4"
    if not card["body"] or not isinstance(card["fallbackText"], str):
        yield "no body, or no text in its place"
    if len(card.get("actions", [])) > MOST_ACTIONS:
        yield f"{len(card['actions'])} actions"
    for element in (*card["body"], *card.get("actions", [])):
        yield from _element_faults(element)


def _element_faults(element: dict[str, Any]) -> Iterator[str]:
    kind = element["type"]
    yield from (f"{kind} has no {name}" for name in sorted(set(element) - {"type"} - _OWN.get(kind, set())))
    for name, words in _WORDS.items():
        if element.get(name, "Default") not in words:
            yield f"{name}: {element[name]}"
    yield from (f"{name}: no boolean" for name in _BOOLEANS if not isinstance(element.get(name, True), bool))
    if kind == "RichTextBlock" and not element["inlines"]:
        yield "no text"
    for run in element.get("inlines", ()):
        yield from _element_faults(run) if run["type"] == "TextRun" else ("no run",)
    if kind != "RichTextBlock" and not element.get("text", element.get("title")):
        yield f"empty {kind}"
    if kind == "Action.OpenUrl" and not element["url"].startswith("https://"):
        yield "no address"
