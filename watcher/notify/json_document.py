"""The JSON document of a message, as machines read it."""

from __future__ import annotations

import json
from typing import Any

from watcher.model import Notification


def document_of(notification: Notification) -> Any:
    """Return the rendered document without values that are empty; programs expect a missing field instead."""
    return _without_empty_values(json.loads(notification.bodies["application/json"]))


def _without_empty_values(value: Any) -> Any:
    if isinstance(value, dict):
        kept = ((key, _without_empty_values(inner)) for key, inner in value.items())
        return {key: inner for key, inner in kept if inner not in ("", None, {}, [])}
    if isinstance(value, list):
        kept_items = (_without_empty_values(inner) for inner in value)
        return [inner for inner in kept_items if inner not in ("", None, {}, [])]
    return value
