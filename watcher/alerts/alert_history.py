"""What people do to an alert: its status and its history, which only grows.

The functions are pure: an action and a stored alert → what is written, or why nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from watcher.model import STATUS_AFTER, AlertStatus, CloseReason, HistoryEntry, TriageAction
from watcher.timestamps import format_timestamp

LONGEST_COMMENT = 4_000
"""Characters of a comment; a longer one is refused, not cut."""

LONGEST_NAME = 200
"""Characters of the name of a person."""

MOST_COMMENTS = 500
"""Entries of a history after which it takes no comment and no assignment, so that the alert can still be closed."""

MOST_ENTRIES = 1_000
"""Entries of a history; nothing is done to an alert whose history is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """An action of a person on alerts."""

    action: TriageAction
    by: str
    reason: CloseReason | None = None  # of a closing
    assignee: str = ""  # of an assignment; empty: nobody
    comment: str = ""


class TriageResult(StrEnum):
    """What an action did to an alert."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"  # it had that status or assignee already
    IS_CLOSED = "is closed; `watcher reopen` opens it again"
    FULL = "its history is full"
    MISSING = "is gone"


def history_of(document: Mapping[str, Any]) -> tuple[HistoryEntry, ...]:
    """Return the history of a stored alert, the oldest entry first."""
    return tuple(map(HistoryEntry.from_document, document["watcher"].get("history") or ()))


def status_of(document: Mapping[str, Any]) -> AlertStatus:
    """Return the status of a stored alert."""
    return AlertStatus(document["watcher"]["alert"].get("state") or AlertStatus.OPEN)


def triaged(document: Mapping[str, Any], triage: Triage, *, now: datetime) -> tuple[TriageResult, Mapping[str, Any]]:
    """Return what an action does to a stored alert, and what is written under `watcher`; nothing where nothing changes.

    A comment is kept even where the alert has the status already.
    """
    status, before = status_of(document), document["watcher"].get("history") or ()
    if status is AlertStatus.CLOSED and triage.action is TriageAction.ACKNOWLEDGE:
        return TriageResult.IS_CLOSED, {}
    if status is AlertStatus.CLOSED and triage.action is TriageAction.RESOLVE:
        return TriageResult.UNCHANGED, {}  # a person closed it, or another sidecar resolved it
    action = triage.action if _changes(document, triage) else TriageAction.COMMENT
    if action is TriageAction.COMMENT and not triage.comment:
        return TriageResult.UNCHANGED, {}
    if len(before) >= (MOST_ENTRIES if action in STATUS_AFTER else MOST_COMMENTS):
        return TriageResult.FULL, {}
    entry = _entry(triage, action, now)
    return TriageResult.CHANGED, {"history": _history(before, entry), **_alert_part(document, entry)}


def _changes(document: Mapping[str, Any], triage: Triage) -> bool:
    """Whether an action changes the status, the reason of the closing, or the assignee."""
    alert = document["watcher"]["alert"]
    match triage.action:
        case TriageAction.COMMENT:
            return False
        case TriageAction.ASSIGN:
            return str(alert.get("assignee") or "") != triage.assignee
        case TriageAction.CLOSE if status_of(document) is AlertStatus.CLOSED:
            return str(alert.get("reason") or "") != triage.reason
    return STATUS_AFTER[triage.action] is not status_of(document)


def _entry(triage: Triage, action: TriageAction, now: datetime) -> HistoryEntry:
    closes, assigns = action is TriageAction.CLOSE, action is TriageAction.ASSIGN
    return HistoryEntry(
        time=now,
        by=triage.by,
        action=action,
        reason=str(triage.reason or "") if closes else "",
        assignee=triage.assignee if assigns else "",
        comment=triage.comment,
    )


def _history(before: Sequence[Mapping[str, Any]], entry: HistoryEntry) -> list[Mapping[str, Any]]:
    """Return a history with one more entry; the stored ones are written again as they are."""
    return [*before, entry.as_document()]


def _alert_part(document: Mapping[str, Any], entry: HistoryEntry) -> Mapping[str, Any]:
    """Return what an entry changes in `watcher.alert`; None removes a value."""
    if entry.action is TriageAction.COMMENT:
        return {}
    if entry.action is TriageAction.ASSIGN:
        return {"alert": {"assignee": entry.assignee or None}}
    status = STATUS_AFTER[entry.action]
    values: dict[str, Any] = {"state": str(status), "by": entry.by, "reason": entry.reason or None}
    if status is not status_of(document):  # hits that join a closed alert refer to this time
        values["changed"] = format_timestamp(entry.time)
    return {"alert": values}
