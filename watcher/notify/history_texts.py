"""What people did to an alert, in words."""

from __future__ import annotations

from collections.abc import Iterable

from watcher.model import HistoryEntry, TriageAction
from watcher.notify.escaping import bounded_text, single_line
from watcher.timestamps import format_milliseconds

_MAX_NAME = 200
_SHOWN = 20  # entries of a message


def history_text(entry: HistoryEntry) -> str:
    """Return what somebody did to an alert, without who and when."""
    what = str(entry.action)
    if entry.reason:
        what += f" as {entry.reason.replace('-', ' ')}"
    if entry.action is TriageAction.ASSIGN:
        what += f" to {entry.assignee or 'nobody'}"
    return f"{what}: {entry.comment}" if entry.comment else what


def history_message(entries: Iterable[HistoryEntry]) -> str:
    """Return a history as the text of a message, an entry on a line or more; the newest of a long one."""
    listed = list(entries)
    lines = [] if len(listed) <= _SHOWN else [f"({len(listed) - _SHOWN:,} earlier entries: `watcher alerts`)"]
    for entry in listed[-_SHOWN:]:
        text = "\n".join(bounded_text(line) for line in history_text(entry).splitlines())
        lines.append(f"{format_milliseconds(entry.time)} {single_line(entry.by, _MAX_NAME)} {text}")
    return "\n".join(lines)
