"""The summary of an event on a few lines."""

from __future__ import annotations

from watcher.model import EventSummary

_DETAILS = 3  # values shown of an event that starts no process


def host_and_account(summary: EventSummary) -> str:
    """Return the host and the account of an event, as far as it has them."""
    return ", ".join(name for name in (summary.host, summary.account) if name)


def event_lines(summary: EventSummary) -> list[str]:
    """Return the command line, or where no process was started, some fields of the event."""
    command = summary.command_line or summary.process
    return [command] if command else [f"{label}: {value}" for label, value in summary.details[:_DETAILS]]
