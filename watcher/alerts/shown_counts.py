"""Messages that show how many hits an alert has: they are due again when further hits join it.

They are those of channels that returned an id of their message. What is due is the delivery `NAME/status`, which also
shows what people did, and neither counts against a limit nor notifies anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from watcher.timestamps import format_timestamp, parse_timestamp

_WAIT = timedelta(minutes=1)  # since the first hit that is not shown
_INTERVAL = timedelta(minutes=5)  # between two updates of the same message

Entry = Mapping[str, Any]


def with_counts_due(entries: Sequence[Entry], *, history: int, now: datetime) -> list[Entry]:
    """Return deliveries of an alert that hits join, with those due that show the count; `history` is its length.

    One that waits already stays as it is, and one that is being sent is marked: it is due again afterwards.
    """
    shown = {f"{entry['channel']}/status" for entry in entries if entry.get("message") and "sent_single" in entry}
    changed = [_shown_again(entry, now) if entry["channel"] in shown else entry for entry in entries]
    existing = {entry["channel"] for entry in entries}
    due = format_timestamp(now + _WAIT)
    pending = {"state": "pending", "attempts": 0, "updates": history, "due": due}
    return [*changed, *({"channel": name, **pending} for name in sorted(shown - existing))]


def _shown_again(entry: Entry, now: datetime) -> Entry:
    if entry["state"] == "pending":
        return entry
    if entry["state"] == "claimed":
        return {**entry, "stale": "yes"}
    sent = parse_timestamp(str(entry.get("sent") or ""))
    due = now + _WAIT if sent is None else max(now + _WAIT, sent + _INTERVAL)
    kept = {key: value for key, value in entry.items() if key not in ("error", "reason")}
    return {**kept, "state": "pending", "attempts": 0, "due": format_timestamp(due)}
