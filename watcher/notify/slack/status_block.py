"""What people did to an alert, as a block of its message."""

from __future__ import annotations

from typing import Any

from watcher.model import AlertStatus, FollowUp
from watcher.notify.history_texts import history_message
from watcher.printable import truncate

_SHOWN = 5  # entries, the newest
_MOST_BLOCKS = 50
_LONGEST_TEXT = 2_900
_LONGEST_HEADER = 150
_BADGES = {AlertStatus.ACKNOWLEDGED: "ACKNOWLEDGED · ", AlertStatus.CLOSED: "CLOSED · "}


def with_status(message: dict[str, Any], follow_up: FollowUp) -> dict[str, Any]:
    """Return a message whose header says the status, and with the history below it; without one it stays as it is."""
    if not follow_up.history:
        return message
    text = truncate(history_message(follow_up.history[-_SHOWN:]), _LONGEST_TEXT)
    block = {"type": "section", "text": {"type": "plain_text", "emoji": False, "text": text}}
    blocks = list(message.get("blocks") or ())
    badge = _BADGES.get(follow_up.status, "")
    if blocks and blocks[0].get("type") == "header":
        header = dict(blocks[0]["text"])
        header["text"] = truncate(f"{badge}{header['text']}", _LONGEST_HEADER)
        blocks[0] = {**blocks[0], "text": header}
    with_history = [*blocks[:1], block, *blocks[1:]]
    return {**message, "text": f"{badge}{message.get('text', '')}", "blocks": with_history[:_MOST_BLOCKS]}
