"""One alert with everything that the state knows of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from watcher.counted_nouns import counted
from watcher.delivery.deliveries import delivery_entries
from watcher.delivery.delivery_record import delivery_record, no_delivery_answer
from watcher.model import MatchedField
from watcher.model.correlation_evidence import CorrelationEvidence
from watcher.notify.alert_rows import prior_text
from watcher.notify.facts import matched_facts
from watcher.notify.joined_texts import further_hits, joined_rows
from watcher.present.event_lines import event_lines, host_and_account
from watcher.present.terminal import LEVEL_STYLES, cell, table
from watcher.present.triage_tables import history_rows
from watcher.timestamps import format_milliseconds
from watcher.usecases.triage import AlertRecord, AlertSurroundings


def correlation_rows(stored: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Yield what a correlation counted for an alert."""
    if not stored:
        return
    evidence = CorrelationEvidence.from_document(stored)
    titles = {rule.id: rule.title for rule in evidence.rules}
    yield "Correlation", evidence.type
    if evidence.number is not None:
        yield "Compared", f"{evidence.number.normalize():,f}"
    yield "Counted", counted(evidence.count, "event")
    yield from (("", f"{rule.count:,} of `{rule.title}`") for rule in evidence.rules)
    yield "First, last", f"{format_milliseconds(evidence.first)}, {format_milliseconds(evidence.last)}"
    for event in evidence.events:
        title = titles.get(event.rule, event.rule)
        yield "Contributing", f"{format_milliseconds(event.time)} {title}: {event.index} / {event.event_id}"


def alert_details(alert: AlertRecord, surroundings: AlertSurroundings | None = None) -> Table:
    """Show an alert: its event, the hits that joined it, and what became of its messages."""
    shown = table("", "", title=alert.title)
    own = alert.document["watcher"]
    rows = [
        ("Alert", alert.id),
        ("Level", alert.level),
        ("Status", _status(own["alert"])),
        ("Time", alert.time),
        ("Host, user", host_and_account(alert.summary)),
        *_matched_rows(own.get("matched") or ()),
        *(("Event", line) for line in event_lines(alert.summary)),
        ("Document", f"{own['hit']['index']} / {own['hit']['id']}"),
        *(("Routes", ", ".join(map(str, routes))) for routes in [own["alert"].get("routes")] if routes),
    ]
    rows += correlation_rows(own.get("correlation"))
    if alert.joined is not None:
        rows += joined_rows(alert.joined)
        rows += (("Joined", f"{what}: {event}") for what, event in further_hits(alert.joined.updates))
    if surroundings is not None:
        rows += _surroundings_rows(alert, surroundings)
    rows += _delivery_rows(alert.document)
    rows += history_rows(alert.document)
    for label, text in rows:
        shown.add_row(cell(label, style="bold"), cell(text, style=LEVEL_STYLES.get(text, "")))
    return shown


def _matched_rows(stored: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield for which fields and values the rule matched, and what it asks of them."""
    for fact in matched_facts([MatchedField.from_document(entry) for entry in stored]):
        yield "Matched", f"{fact.label}: {fact.text}" + (f" ({fact.meaning})" if fact.meaning else "")
        if fact.why:
            yield "", f"because it {fact.why}"


def _surroundings_rows(alert: AlertRecord, surroundings: AlertSurroundings) -> Iterator[tuple[str, str]]:
    """Yield how often the rule fired before, and a time line of the alerts of the host, this one included."""
    if surroundings.prior is not None:
        yield "Seen", prior_text(surroundings.prior, surroundings.host)
    if not surroundings.around:
        return
    for entry in sorted((*surroundings.around, alert), key=lambda record: (record.time, record.id)):
        mark = "this alert" if entry.id == alert.id else f"{entry.level}: {entry.title} ({entry.id})"
        yield "This host", f"{entry.time} {mark}"
    if surroundings.has_more:
        yield "This host", "and more within an hour: `watcher alerts --host`"


def _status(alert: Mapping[str, Any]) -> str:
    """Return the status of an alert, with who changed it and who works on it."""
    parts = [str(alert.get("state") or "open")]
    if alert.get("reason"):
        parts.append(f"as {str(alert['reason']).replace('-', ' ')}")
    if alert.get("changed"):
        parts.append(f"since {alert['changed']} by {alert.get('by')}")
    if alert.get("assignee"):
        parts.append(f"assigned to {alert['assignee']}")
    return ", ".join(parts)


def _delivery_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the delivery record: for each channel what was stored, the outcomes of all hits, and why."""
    records = {record.channel: record for record in delivery_record(document)}
    for entry in delivery_entries(document):
        rest = (f"{name} {entry[name]}" for name in ("sent", "due", "updates", "reason", "error") if entry.get(name))
        yield "Delivery", "; ".join((f"{entry['channel']} {entry['state']}", *rest))
        if record := records.get(str(entry["channel"])):
            counts = ", ".join(f"{count:,} {outcome}" for outcome, count in record.hits.items())
            yield "", f"{counted(record.total, 'hit')}: {counts}. {record.answer}"
    if answer := no_delivery_answer(document):
        yield "Delivery", answer
