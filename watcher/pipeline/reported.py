"""Which unreadable events were reported already."""

from __future__ import annotations

import threading

import structlog

from watcher.model import UnreadableEvent

log = structlog.get_logger(__name__)

_MOST = 10_000  # events that are remembered; whoever writes events may write any number


class ReportedEvents:
    """Logs each unreadable event once, however often it is searched; several threads may share it."""

    __slots__ = ("_lock", "_seen")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], None] = {}

    def report(self, event: UnreadableEvent) -> None:
        """Log an event, unless that was done."""
        key = (event.index, event.id)
        with self._lock:
            if key in self._seen:
                return
            if len(self._seen) >= _MOST:
                del self._seen[next(iter(self._seen))]
            self._seen[key] = None
        log.warning("event.unreadable", index=event.index, id=event.id, reason=event.reason)
