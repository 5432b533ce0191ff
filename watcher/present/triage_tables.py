"""Alerts before and after an action of triage, and their history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.alerts.alert_history import TriageResult, history_of, status_of
from watcher.alerts.alert_triage import TriagedAlert
from watcher.counted_nouns import counted
from watcher.notify.history_texts import history_text
from watcher.ports import StoredDocument
from watcher.present.terminal import LEVEL_STYLES, cell, table
from watcher.timestamps import format_milliseconds

_SHOWN = 20


def selected_table(alerts: Sequence[StoredDocument]) -> Table:
    """Show how many alerts are selected, by status, and the newest of them."""
    counts = Counter(status_of(alert.document) for alert in alerts)
    by_status = ", ".join(f"{count:,} {status}" for status, count in counts.items())
    shown = table("alert", "level", "rule", "host", "status", title=f"{counted(len(alerts), 'alert')}: {by_status}")
    for alert in alerts[:_SHOWN]:
        document = alert.document
        level = str(document["watcher"]["rule"]["level"])
        shown.add_row(
            cell(alert.id),
            cell(level, style=LEVEL_STYLES.get(level, "")),
            cell(document["rule"]["name"]),
            cell((document.get("host") or {}).get("name") or ""),
            cell(status_of(document)),
        )
    if len(alerts) > _SHOWN:
        shown.add_row(cell(f"and {len(alerts) - _SHOWN:,} more"), "", "", "", "")
    return shown


def triaged_lines(results: Sequence[TriagedAlert]) -> Iterator[Text]:
    """Yield how many alerts were changed, and each that could not be."""
    counts = Counter(entry.result for entry in results)
    unchanged = counts[TriageResult.UNCHANGED]
    yield cell(
        f"alerts changed: {counts[TriageResult.CHANGED]:,}" + (f"; as before: {unchanged:,}" if unchanged else "")
    )
    for entry in results:
        if entry.result not in (TriageResult.CHANGED, TriageResult.UNCHANGED):
            yield cell(f"{entry.alert.id}: {entry.result}", style="yellow")


def history_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the history of an alert as (label, text), the oldest entry first."""
    for entry in history_of(document):
        yield "History", f"{format_milliseconds(entry.time)} {entry.by}: {history_text(entry)}"
