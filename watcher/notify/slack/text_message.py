"""A message as text alone, for one whose blocks Slack refuses: nobody documents how long all blocks may be together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from watcher.notify.escaping import escape_mrkdwn
from watcher.printable import truncate

_NOTE = "Slack refused the blocks of this message, so this is its text."
_LONGEST = 3_500  # characters before they are escaped; Slack takes 4,000 for sure


def text_message(message: dict[str, Any]) -> dict[str, Any]:
    """Return the message without blocks, with their text; nothing in it is markup."""
    texts = "".join(_texts(message.get("blocks")))
    text = truncate(f"{_NOTE}\n{texts}", _LONGEST)
    others = {name: value for name, value in message.items() if name not in ("blocks", "text")}
    return {**others, "text": escape_mrkdwn(text), "mrkdwn": False}


def _texts(value: Any) -> Iterator[str]:
    match value:
        case {"type": "plain_text", "text": str(text)}:
            yield f"{text}\n"
        case {"type": "text" | "link", "text": str(text)}:
            yield text
        case dict():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
