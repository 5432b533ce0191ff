"""Triage: the status of an alert, and what people did to it, or watcher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class AlertStatus(StrEnum):
    """The status of an alert."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class CloseReason(StrEnum):
    """Why an alert is closed."""

    TRUE_POSITIVE = "true-positive"
    BENIGN = "benign"
    FALSE_POSITIVE = "false-positive"
    DUPLICATE = "duplicate"


class TriageAction(StrEnum):
    """What a person does to an alert; the last one is done by watcher."""

    ACKNOWLEDGE = "acknowledged"
    CLOSE = "closed"
    REOPEN = "reopened"
    COMMENT = "commented"
    ASSIGN = "assigned"
    RESOLVE = "resolved"  # what the alert is about is over


STATUS_AFTER: Mapping[TriageAction, AlertStatus] = {
    TriageAction.ACKNOWLEDGE: AlertStatus.ACKNOWLEDGED,
    TriageAction.CLOSE: AlertStatus.CLOSED,
    TriageAction.REOPEN: AlertStatus.OPEN,
    TriageAction.RESOLVE: AlertStatus.CLOSED,
}
"""The status that an action gives an alert; the other actions leave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """What somebody did to an alert, and when."""

    time: datetime
    by: str  # who did it
    action: TriageAction
    reason: str = ""  # of the closing: a `CloseReason`
    assignee: str = ""  # of the assignment; empty: nobody
    comment: str = ""

    def as_document(self) -> dict[str, Any]:
        """Return the entry as JSON, as it is stored; what is empty is left out."""
        moment = self.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        texts = {"reason": self.reason, "assignee": self.assignee, "comment": self.comment}
        return {
            "time": moment,
            "by": self.by,
            "action": str(self.action),
            **{name: text for name, text in texts.items() if text},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> HistoryEntry:
        """Return the entry that `as_document` wrote."""
        return cls(
            time=datetime.fromisoformat(str(document["time"])),
            by=str(document["by"]),
            action=TriageAction(document["action"]),
            reason=str(document.get("reason") or ""),
            assignee=str(document.get("assignee") or ""),
            comment=str(document.get("comment") or ""),
        )
