"""Deliveries of what people do to an alert, to the channels that follow it: stored in the same write as the action.

They are entries beside those of the messages, so a status neither counts against a limit nor waits for a digest. The
name is the channel's and `status`: `pager/status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher.delivery.deliveries import Entry, delivery_entries, entry_for, status_channel
from watcher.ports import StoredDocument
from watcher.timestamps import format_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusDeliveries:
    """Makes the status deliveries of an alert due."""

    channels: Sequence[str]  # the names of the channels that follow alerts
    now: datetime

    def __call__(self, stored: StoredDocument) -> Mapping[str, Any]:
        """Return what is written under `watcher` beside an action; nothing where no such channel has the alert.

        `stored` is the alert before the action.
        """
        heard = [channel for channel in self.channels if entry_for(stored, channel) is not None]
        if not heard:
            return {}
        names = {status_channel(channel) for channel in heard}
        entries: list[Entry] = [
            self._due_again(entry) if entry["channel"] in names else entry
            for entry in delivery_entries(stored.document)
        ]
        existing = {entry["channel"] for entry in entries}
        before = len(stored.document["watcher"].get("history") or ())
        entries += [{"channel": name, "updates": before, **self._pending} for name in sorted(names - existing)]
        return {"deliveries": entries}

    def _due_again(self, entry: Entry) -> Entry:
        """Return an entry that is due; one that is being sent becomes due when it is marked as sent."""
        if entry["state"] == "claimed":
            return entry
        return {**{key: value for key, value in entry.items() if key not in ("error", "reason")}, **self._pending}

    @property
    def _pending(self) -> Mapping[str, Any]:
        return {"state": "pending", "attempts": 0, "due": format_timestamp(self.now)}
