"""What channels hear of an alert after its message: its status, and what people did."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.model.triage_history import STATUS_AFTER, AlertStatus, HistoryEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What people did to an alert since a channel last heard of it."""

    status: AlertStatus  # of the alert now
    entries: tuple[HistoryEntry, ...]  # the oldest first; none where further hits joined it
    history: tuple[HistoryEntry, ...] = ()  # all that people did to it

    @property
    def changes_status(self) -> bool:
        """Whether somebody changed the status; otherwise there are comments and assignments alone."""
        return any(entry.action in STATUS_AFTER for entry in self.entries)
