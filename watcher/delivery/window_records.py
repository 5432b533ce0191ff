"""Since when maintenance windows hold: stored, so that all sidecars count and end the same one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from watcher.delivery.silence_store import NOTICE_CLAIM
from watcher.routes.silences import MaintenanceWindow
from watcher.state.state_documents import Body, DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp, parse_timestamp

_KEY = DocumentKey(kind="maintenance", source="")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRecord:
    """A maintenance window that began, and whose end operators did not hear of yet."""

    since: datetime
    claimed: datetime | None = None  # until when a sidecar sends the notice of its end


Records = Mapping[str, WindowRecord]
"""The records by the names of the windows."""


@dataclass(frozen=True, slots=True)
class WindowRecords:
    """Reads and changes the records by conditional writes."""

    documents: StateDocuments

    def read(self) -> Records:
        """Return all records."""
        return _records(self.documents.read(_KEY))

    def opened(self, windows: Sequence[MaintenanceWindow], *, now: datetime) -> tuple[MaintenanceWindow, ...]:
        """Return the windows that hold, with the time since when; it is recorded where it was not."""
        holding = [window for window in windows if window.holds(now)]
        if not holding:
            return ()

        def changed(before: Records) -> Records:
            return {**{window.name: WindowRecord(since=now) for window in holding}, **before}

        records = self._change(changed, now)
        return tuple(replace(window, since=records[window.name].since) for window in holding)

    def claim_notice(self, name: str, *, now: datetime) -> bool:
        """Claim the notice about an end; false where another sidecar sends it, or it was sent."""
        claimed = False

        def changed(before: Records) -> Records:
            nonlocal claimed
            record = before.get(name)
            claimed = record is not None and not (record.claimed and now < record.claimed)
            return {**before, name: replace(record, claimed=now + NOTICE_CLAIM)} if claimed and record else before

        self._change(changed, now)
        return claimed

    def forget(self, name: str, *, now: datetime) -> None:
        """Forget a window whose end operators heard of."""
        self._change(lambda before: {other: record for other, record in before.items() if other != name}, now)

    def _change(self, change: Callable[[Records], Records], now: datetime) -> Records:
        def changed(body: Body | None) -> Body:
            after = change(_records(body))
            return {**(body or {}), "windows": {name: _document(record) for name, record in after.items()}}

        return _records(self.documents.change(_KEY, changed, now=now))


def _document(record: WindowRecord) -> dict[str, Any]:
    claimed = {} if record.claimed is None else {"claimed": format_timestamp(record.claimed)}
    return {"since": format_timestamp(record.since), **claimed}


def _records(body: Body | None) -> Records:
    stored = (body or {}).get("windows")
    entries = stored.items() if isinstance(stored, dict) else ()
    read = {str(name): _record(entry) for name, entry in entries if isinstance(entry, dict)}
    return {name: record for name, record in read.items() if record is not None}


def _record(entry: Mapping[str, Any]) -> WindowRecord | None:
    since, claimed = (parse_timestamp(str(entry.get(key) or "")) for key in ("since", "claimed"))
    return None if since is None else WindowRecord(since=since, claimed=claimed)
