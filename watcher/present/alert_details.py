"""One alert with everything that the state knows of it."""

from __future__ import annotations

from rich.table import Table

from watcher.delivery.deliveries import delivery_entries
from watcher.notify.joined_texts import further_hits, joined_rows
from watcher.present.event_lines import event_lines, host_and_account
from watcher.present.terminal import LEVEL_STYLES, cell, table
from watcher.usecases.triage import AlertRecord


def alert_details(alert: AlertRecord) -> Table:
    """Show an alert: its event, the hits that joined it, and what became of its messages."""
    shown = table("", "", title=alert.title)
    own = alert.document["watcher"]
    rows = [
        ("Alert", alert.id),
        ("Level", alert.level),
        ("Status", str(own["alert"].get("state") or "open")),
        ("Time", alert.time),
        ("Host, user", host_and_account(alert.summary)),
        *(("Event", line) for line in event_lines(alert.summary)),
        ("Document", f"{own['hit']['index']} / {own['hit']['id']}"),
    ]
    if alert.joined is not None:
        rows += joined_rows(alert.joined)
        rows += (("Joined", f"{what}: {event}") for what, event in further_hits(alert.joined.updates))
    for entry in delivery_entries(alert.document):
        rest = (f"{name} {entry[name]}" for name in ("sent", "due", "updates", "reason", "error") if entry.get(name))
        rows.append(("Delivery", "; ".join((f"{entry['channel']} {entry['state']}", *rest))))
    for label, text in rows:
        shown.add_row(cell(label, style="bold"), cell(text, style=LEVEL_STYLES.get(text, "")))
    return shown
