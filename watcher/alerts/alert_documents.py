"""Alerts and hits as documents: ECS names, short strings, and the event itself as one string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from watcher.alerts.joining import joined, opening
from watcher.alerts.stored_event import LARGEST, event_json, omitted_event
from watcher.model import Alert, AlertKind, EventSummary, Hit, JoinedHits, RoutedReceiver, RuleMetadata
from watcher.model.correlation_evidence import CorrelationEvidence
from watcher.state.index_templates import MAX_KEYWORD, VERSION
from watcher.timestamps import format_timestamp

_ECS_FIELDS: Mapping[str, str] = {  # ECS field → attribute of the summary
    "host.name": "host",
    "user.name": "user",
    "user.domain": "domain",
    "process.executable": "process",
    "process.command_line": "command_line",
    "process.parent.executable": "parent_process",
    "process.parent.command_line": "parent_command_line",
    "event.code": "code",
    "event.provider": "provider",
    "winlog.channel": "channel",
}

_EVENT_TEXTS = ("summary", "matched", "joined", "updates")


def monthly_index(prefix: str, kind: str, moment: datetime) -> str:
    """Return the index of a month: `watcher-alerts-2026.11`."""
    return f"{prefix}-{kind}-{moment.astimezone(UTC):%Y.%m}"


def hit_document(hit: Hit, *, store: str) -> dict[str, Any]:
    """Return the document of a hit; `store` is how much of the event is kept: whole, fields or none."""
    document = _rule_fields(hit.rule)
    document["@timestamp"] = format_timestamp(hit.time)
    if store != "none":
        document.update(ecs_fields(hit.summary))
    if store == "whole":
        document.setdefault("event", {})["original"] = event_json(hit.event)
    document["watcher"] |= {
        "hit": {"index": hit.index, "id": hit.event_id},
        "alert": {"id": hit.alert},
    }
    document["watcher"] |= correlation_values(hit.correlation)
    if hit.kind is not AlertKind.MATCH:
        document["watcher"]["alert"]["kind"] = str(hit.kind)
    return document


def alert_document(alert: Alert, *, now: datetime, hits: Sequence[Hit] = ()) -> dict[str, Any]:
    """Return the document of a new alert: messages are rendered from it alone, even when the rule is gone.

    `hits` are those that are recorded with it.
    """
    document = _rule_fields(alert.rule)
    document["@timestamp"] = format_timestamp(alert.first.time)
    document.update(ecs_fields(alert.first.summary))
    document.setdefault("event", {}).update(
        original=event_json(alert.first.event), created=format_timestamp(now), kind="alert"
    )
    document["watcher"]["rule"] |= message_fields(alert.rule)
    document["watcher"] |= {
        "summary": alert.first.summary.as_document(),
        "hit": {"id": alert.first.event_id, "index": alert.first.index},
        "alert": {
            "id": alert.id,
            "kind": str(alert.first.kind),
            "state": "open",
            "key": [f"{field}={'' if value is None else value}"[:MAX_KEYWORD] for field, value in alert.key],
            "slot": format_timestamp(alert.slot),
            "origin": alert.origin,
            **({"routes": list(alert.routes)} if alert.routes else {}),
            **({"source": alert.source} if alert.source else {}),
        },
        "deliveries": pending_deliveries(alert, now=now),
        "matched": [entry.as_document() for entry in alert.first.matched],
        **joined_values(joined(opening(alert.first), hits)),
        **correlation_values(joined_evidence(alert.first.correlation, hits)),
    }
    return document


def joined_values(hits: JoinedHits) -> dict[str, Any]:
    """Return what an alert document holds of its hits under `watcher`."""
    return {"joined": hits.as_document(), "updates": [update.as_document() for update in hits.updates]}


def joined_evidence(before: CorrelationEvidence | None, hits: Iterable[Hit]) -> CorrelationEvidence | None:
    """Return what a correlation counted for an alert that some hits join."""
    for hit in hits:
        if hit.correlation is not None:
            before = hit.correlation if before is None else before.joined(hit.correlation)
    return before


def correlation_values(evidence: CorrelationEvidence | None) -> dict[str, Any]:
    """Return what a document holds of a correlation under `watcher`: nothing for other rules."""
    return {} if evidence is None else {"correlation": evidence.as_document()}


def pending_deliveries(alert: Alert, *, now: datetime) -> list[Mapping[str, Any]]:
    """Return the deliveries of a new alert: one for each channel, due when its route says."""
    receivers = alert.receivers or tuple(RoutedReceiver(channel=channel) for channel in alert.channels)
    return [_pending_delivery(receiver, now) for receiver in receivers]


def _pending_delivery(receiver: RoutedReceiver, now: datetime) -> Mapping[str, Any]:
    plan = receiver.as_document()
    entry = {
        "channel": receiver.channel,
        "state": "pending",
        "attempts": 0,
        "due": format_timestamp(receiver.due(now)),
    }
    return {**entry, "plan": plan} if plan else entry


def without_event_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without what an attacker wrote, which an engine may refuse; the event stays as one string."""
    kept = {key: document[key] for key in ("@timestamp", "rule", "threat") if key in document}
    kept["watcher"] = {name: value for name, value in document["watcher"].items() if name not in _EVENT_TEXTS}
    original = document.get("event", {}).get("original")
    kept["event"] = {"original": original} if isinstance(original, str) else {}
    return kept


def without_event(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without anything of its event, but with a note that names it."""
    kept = without_event_fields(document)
    return {**kept, "event": {**kept["event"], "original": omitted_event(document)}}


def _rule_fields(rule: RuleMetadata) -> dict[str, Any]:
    document: dict[str, Any] = {
        "rule": {
            "id": rule.id,
            "name": _cut(rule.title),
            "description": _cut(rule.description),
            "author": _cut(rule.author),
            "reference": [_cut(reference) for reference in rule.references],
        },
        "watcher": {
            "version": VERSION,
            "rule": {"path": rule.path, "hash": rule.hash, "level": str(rule.level), "folder": rule.folder},
        },
    }
    if dated := rule.modified or rule.date:  # Sigma has no other version
        document["rule"]["version"] = str(dated)
    if rule.techniques or rule.tactics:
        document["threat"] = {
            "framework": "MITRE ATT&CK",
            "tactic": {"name": list(rule.tactics)},
            "technique": {"id": list(rule.techniques)},
        }
    return document


def message_fields(rule: RuleMetadata) -> dict[str, Any]:
    """Return what a message needs of a rule beside the fields that every document has."""
    return {
        "status": rule.status or "",
        "tags": [_cut(tag) for tag in rule.tags],
        "falsepositives": [_cut(text) for text in rule.falsepositives],
        "source": rule.text[:LARGEST],
    }


def ecs_fields(summary: EventSummary) -> dict[str, Any]:
    """Return a summary in ECS names, without what is empty."""
    document: dict[str, Any] = {}
    for path, attribute in _ECS_FIELDS.items():
        value: str = getattr(summary, attribute)
        if value:
            *parents, last = path.split(".")
            node = document
            for name in parents:
                node = node.setdefault(name, {})
            node[last] = _cut(value)
    return document


def _cut(text: str) -> str:
    return text[:MAX_KEYWORD]
