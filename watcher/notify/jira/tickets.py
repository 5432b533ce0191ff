"""Tickets and comments of Jira: texts as documents (Cloud) or as wiki text (Data Center), in its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from watcher.notify.jira.settings import JiraChannel
from watcher.printable import truncate

LONGEST_SUMMARY = 255  # characters, in one line
LONGEST_TEXT = 32_767  # characters of a description or a comment
_ROOM = 767  # for the lines around the text

_LEVELS = {"critical": "Highest", "high": "High", "medium": "Medium", "low": "Low", "informational": "Lowest"}
_MAIN_LABEL = "watcher"
_DONE = "done"  # the key of the category, the same in every language
_BLOCK = re.compile(r"\{noformat", re.IGNORECASE)


def alert_label(alert: str) -> str:
    """Return the label by which the ticket of an alert is looked for."""
    return f"watcher-{alert}"


def message_label(key: str) -> str:
    """Return the mark of a message, which a ticket has as a label and a comment as its last line."""
    return f"watcher-message-{key}"


def new_ticket(channel: JiraChannel, rendered: Mapping[str, Any], *, alert: str, key: str) -> dict[str, Any]:
    """Return the fields of a new ticket."""
    fields: dict[str, Any] = {
        "project": {"key": channel.project},
        "issuetype": {"name": channel.issue_type},
        "summary": truncate(rendered["summary"], LONGEST_SUMMARY),
        "description": _text(channel, rendered["text"]),
        "labels": [_MAIN_LABEL, alert_label(alert), message_label(key)],
    }
    if channel.priorities == "standard":
        fields["priority"] = {"name": _LEVELS[rendered["level"]]}
    return {"fields": fields}


def new_comment(channel: JiraChannel, text: str, *, key: str) -> dict[str, Any]:
    """Return a comment with a later message on an alert, or with what people did to it."""
    return {"body": _text(channel, text, message_label(key))}


def is_done(ticket: Mapping[str, Any]) -> bool:
    """Whether a ticket, as a search returned it, has a status of the category Done."""
    status = (ticket.get("fields") or {}).get("status") or {}
    return (status.get("statusCategory") or {}).get("key") == _DONE


def transition_to(listed: Mapping[str, Any], *, to_done: bool) -> str | None:
    """Return the id of the first listed transition to a status of the category Done, or of another; None without."""
    for transition in listed.get("transitions") or ():
        category = ((transition.get("to") or {}).get("statusCategory") or {}).get("key")
        if category is not None and (category == _DONE) is to_done:
            return str(transition["id"])
    return None


def _text(channel: JiraChannel, text: str, last: str = "") -> Any:
    if channel.edition == "cloud":
        shortened = truncate(text, LONGEST_TEXT - _ROOM)
        # a code block: Jira reads no Markdown, no mention and no link there
        block = {"type": "codeBlock", "content": [{"type": "text", "text": shortened or " "}]}
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": last}]}
        return {"type": "doc", "version": 1, "content": [block, paragraph] if last else [block]}
    # the end of the block must not be in the text itself
    safe = truncate(_BLOCK.sub("{no format", text), LONGEST_TEXT - _ROOM)
    return f"{{noformat}}\n{safe}\n{{noformat}}" + (f"\n{last}" if last else "")
