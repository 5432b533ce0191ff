"""Events of PagerDuty's Events API v2: trigger, acknowledge and resolve, in the size that it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from watcher.printable import truncate

LONGEST_SUMMARY = 1_024  # characters
LARGEST = 500_000
"""Bytes of an event: the API refuses more than 512 KB."""

_LONGEST_DETAIL = 1_000  # characters of each detail of an event that is too large


def trigger(routing_key: str, rendered: Mapping[str, Any], *, alert: str) -> str:
    """Return the event that opens the alert; a second one with the same alert id opens nothing."""
    payload = dict(rendered["payload"])
    payload["summary"] = truncate(payload["summary"], LONGEST_SUMMARY)
    event = {**rendered, "payload": payload, **_action(routing_key, "trigger", alert)}
    body = json.dumps(event, ensure_ascii=False)
    if len(body.encode("utf-8", "replace")) <= LARGEST:
        return body
    details = payload.get("custom_details", {})
    payload["custom_details"] = {
        name: truncate(str(value), _LONGEST_DETAIL) for name, value in list(details.items())[:100]
    } | {"note": "This message was shortened to the size that PagerDuty takes."}
    return json.dumps(event, ensure_ascii=False)


def acknowledge(routing_key: str, *, alert: str) -> str:
    """Return the event that says somebody works on the alert."""
    return json.dumps(_action(routing_key, "acknowledge", alert))


def resolve(routing_key: str, *, alert: str) -> str:
    """Return the event that closes the alert."""
    return json.dumps(_action(routing_key, "resolve", alert))


def _action(routing_key: str, action: str, alert: str) -> dict[str, str]:
    return {"routing_key": routing_key, "event_action": action, "dedup_key": alert}
