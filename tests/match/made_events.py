"""Events as Winlogbeat ships them, with what a test cares about."""

from __future__ import annotations

from typing import Any

from watcher.model import Event

SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
CLASSIC = "Windows PowerShell"


def event(channel: str = SYSMON, code: str = "1", **data: Any) -> Event:
    """Make an event in the shape `raw`."""
    return {
        "@timestamp": "2026-11-23T14:05:06.789Z",
        "event": {"code": code, "kind": "event"},
        "log": {"level": "information"},
        "winlog": {"channel": channel, "event_id": code, "computer_name": "WEB01", "event_data": data},
    }


def moved(channel: str = SYSMON, code: str = "1", data: dict[str, Any] | None = None, **outside: Any) -> Event:
    """Make an event in the shape `modules`: `outside` are the keys beside `winlog`."""
    return {**event(channel, code, **(data or {})), **outside}
