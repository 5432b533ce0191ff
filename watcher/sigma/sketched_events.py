"""Sketches of events in test files: some values, from which a document in Winlogbeat's raw shape is created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watcher.errors import InputError
from watcher.model import Event

SKETCH_KEYS = ("channel", "code", "computer", "data", "message", "provider", "time")
"""The keys of a sketch."""


def event_of_source(source: Mapping[str, Any], what: str) -> Event:
    """Return the complete document, or that of a sketch; raises InputError where there is none of them, or both."""
    sketch = [key for key in SKETCH_KEYS if key in source]
    if "event" in source and sketch:
        raise InputError(f"`event` and `{sketch[0]}` are both present", fix="keep one of them")
    if "event" not in source and not sketch:
        raise InputError(f"{what} has no event", fix="add a complete document as `event`, or some `data`")
    event = source["event"] if "event" in source else _document(source)
    if not isinstance(event, dict):
        raise InputError("`event` must be a mapping", fix="write the document as Winlogbeat ships it")
    return event


def _document(source: Mapping[str, Any]) -> Event:
    """Return a document in Winlogbeat's raw shape, with every value as a string."""
    data = source.get("data") or {}
    if not isinstance(data, dict):
        raise InputError("`data` must be a mapping", fix="write the fields of the event and their values")
    winlog: dict[str, Any] = {"event_data": {name: _value(value) for name, value in data.items()}}
    event: dict[str, Any] = {}
    for key, name in (("channel", "channel"), ("code", "event_id"), ("computer", "computer_name")):
        if key in source:
            winlog[name] = scalar_text(source[key])
    if "provider" in source:
        winlog["provider_name"] = event["provider"] = scalar_text(source["provider"])
    if "code" in source:
        event["code"] = scalar_text(source["code"])
    document: dict[str, Any] = {"event": event, "winlog": winlog}
    if "time" in source:
        document["@timestamp"] = scalar_text(source["time"])
    if "computer" in source:
        document["host"] = {"name": scalar_text(source["computer"])}
    if "message" in source:
        document["message"] = scalar_text(source["message"])
    return document


def _value(value: Any) -> Any:
    return [scalar_text(item) for item in value] if isinstance(value, list) else scalar_text(value)


def scalar_text(value: Any) -> str:
    """Return a value of YAML or JSON as text."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
