"""Alerts as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.delivery.deliveries import Entry, delivery_entries
from watcher.delivery.hit_outcomes import WITHHELD, HitOutcome, outcome_of
from watcher.present.event_lines import event_lines, host_and_account
from watcher.present.terminal import LEVEL_STYLES, cell, shortened, table
from watcher.usecases.triage import AlertRecord

_STATE_STYLES: Mapping[str, str] = {"sent": "green", "failed": "bold red"}


def alert_json(alert: AlertRecord) -> dict[str, Any]:
    """Return an alert as JSON: its document, with index and id."""
    return {"index": alert.index, "id": alert.id, **alert.document}


def alerts_table(alerts: Sequence[AlertRecord], *, title: str | None = None) -> Table:
    """Show alerts, each on a few lines, so that a command line fits a narrow terminal too."""
    shown = Table(title=title, title_justify="left", header_style="bold", show_lines=True)
    shown.add_column("time (UTC)", no_wrap=True)
    shown.add_column("level", no_wrap=True)
    shown.add_column("what happened", overflow="fold")
    shown.add_column("deliveries", overflow="fold")
    for alert in alerts:
        shown.add_row(
            _time(alert),
            cell(alert.level, style=LEVEL_STYLES.get(alert.level, "")),
            _event_lines(alert),
            _deliveries(alert),
        )
    return shown


def _time(alert: AlertRecord) -> Text:
    day, _, time = alert.time.partition("T")
    return Text("\n").join((cell(day), cell(time[:8])))


def _event_lines(alert: AlertRecord) -> Text:
    summary = alert.summary
    lines = [cell(alert.title, style="bold"), cell(shortened(host_and_account(summary)), style="dim")]
    lines.extend(cell(shortened(line)) for line in event_lines(summary))
    return Text("\n").join(line for line in lines if line)


def _deliveries(alert: AlertRecord) -> Text:
    return Text("\n").join(
        cell(_outcome(delivery), style=_STATE_STYLES.get(delivery["state"], "yellow"))
        for delivery in delivery_entries(alert.document)
    )


def _outcome(delivery: Entry) -> str:
    outcome, reason = outcome_of(delivery), delivery.get("reason")
    state = delivery["state"] if outcome is HitOutcome.PENDING else outcome
    explained = reason and (delivery.get("digest_id") or outcome in WITHHELD)
    return f"{delivery['channel']} {state}" + (f" ({reason})" if explained else "")


def failed_table(counts: Mapping[tuple[str, str], int]) -> Table:
    """Show how many messages were given up, by channel and reason."""
    shown = table("channel", "messages", "why")
    for (channel, error), count in sorted(counts.items()):
        shown.add_row(cell(channel), cell(f"{count:,}"), cell(error))
    return shown
