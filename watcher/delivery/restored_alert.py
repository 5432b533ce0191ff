"""A stored alert document → the alert as it was opened, even when its rule is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from watcher.delivery.deliveries import delivery_entries
from watcher.errors import InputError
from watcher.event_files.nested_json import loads
from watcher.match.event_summarizer import stored_summary
from watcher.model import (
    Alert,
    AlertKind,
    AlertStatus,
    AlertUpdate,
    Event,
    HistoryEntry,
    Hit,
    JoinedHits,
    Level,
    Location,
    LogSource,
    MatchedField,
    Or,
    RoutedReceiver,
    Rule,
)
from watcher.model.correlation_evidence import CorrelationEvidence
from watcher.nesting import bounded
from watcher.ports import StoredDocument
from watcher.timestamps import parse_timestamp
from watcher.yaml_nodes.nodes import to_python
from watcher.yaml_nodes.yaml_documents import read_documents


def restore_alert(stored: StoredDocument) -> Alert:
    """Create an alert from its document; its rule has the texts that messages contain, and no detection."""
    document = stored.document
    own = document["watcher"]
    moment = parse_timestamp(str(document["@timestamp"]))
    slot = parse_timestamp(str(own["alert"]["slot"]))
    if moment is None or slot is None:
        raise ValueError(f"the alert `{stored.id}` has no timestamp")
    rule = _rule(document)
    hit = Hit(
        id="",
        rule=rule,
        index=str(own["hit"]["index"]),
        event_id=str(own["hit"]["id"]),
        time=moment,
        event=_event(document),
        summary=stored_summary(document),
        alert=stored.id,
        matched=tuple(map(MatchedField.from_document, own.get("matched") or ())),
        correlation=CorrelationEvidence.from_document(own["correlation"]) if own.get("correlation") else None,
        kind=AlertKind(own["alert"].get("kind", AlertKind.MATCH)),  # absent in states of versions before 4
    )
    return Alert(
        id=stored.id,
        rule=rule,
        key=tuple(map(_key_pair, own["alert"]["key"])),
        slot=slot,
        origin=str(own["alert"]["origin"]),
        channels=tuple(str(entry["channel"]) for entry in delivery_entries(document)),
        first=hit,
        opened=parse_timestamp(str((document.get("event") or {}).get("created") or "")),
        receivers=tuple(
            RoutedReceiver.from_document(str(entry["channel"]), entry.get("plan") or {})
            for entry in delivery_entries(document)
        ),
        routes=tuple(map(str, own["alert"].get("routes") or ())),
        source=str(own["alert"].get("source") or ""),
        joined=_joined(document),
        status=AlertStatus(own["alert"].get("state") or AlertStatus.OPEN),
        history=tuple(map(HistoryEntry.from_document, own.get("history") or ())),
    )


def restore_update(alert: Alert, update: AlertUpdate) -> Alert:
    """Return an alert whose first hit is the one of an update: the message about it shows its event."""
    event: Event = bounded(loads(update.event)) if update.event else {}
    hit = replace(
        alert.first,
        index=update.index,
        event_id=update.event_id,
        time=update.time,
        event=event,
        summary=update.summary,
        matched=update.matched,
    )
    return replace(alert, first=hit, opened=None)  # the alert is older than this hit


def _joined(document: Mapping[str, Any]) -> JoinedHits | None:
    own = document["watcher"]
    return JoinedHits.from_document(own["joined"], tuple(own.get("updates") or ())) if own.get("joined") else None


def _key_pair(text: str) -> tuple[str, str | None]:
    field, _, value = text.partition("=")
    return field, value or None


def _event(document: Mapping[str, Any]) -> Event:
    original = document.get("event", {}).get("original")
    return bounded(loads(original)) if isinstance(original, str) else dict(document)


def _rule(document: Mapping[str, Any]) -> Rule:
    about, own = document["rule"], document["watcher"]["rule"]
    path = str(own.get("path") or "rule.yml")
    return Rule(
        id=str(about["id"]),
        title=str(about["name"]),
        logsource=LogSource(),
        selections=(),
        conditions=(),
        node=Or(()),
        status=own.get("status") or None,
        level=Level(str(own.get("level") or Level.MEDIUM)),
        description=str(about.get("description") or ""),
        author=str(about.get("author") or ""),
        references=tuple(map(str, about.get("reference") or ())),
        tags=tuple(map(str, own.get("tags") or ())),
        falsepositives=tuple(map(str, own.get("falsepositives") or ())),
        folder=str(own.get("folder") or ""),
        path=path,
        location=Location(file=path, line=1),
        text=str(own.get("source") or ""),
        hash=str(own.get("hash") or ""),
        custom=_custom(str(own.get("source") or "")),
    )


def _custom(source: str) -> Mapping[str, Any]:
    """Return the rule's own `custom: {watcher: …}` by its stored source; empty where that cannot be read."""
    if "custom" not in source:
        return {}
    try:
        documents = [to_python(node) for node in read_documents(source, file="rule.yml")]
    except InputError:
        return {}
    custom = [
        entry["custom"] for entry in documents if isinstance(entry, dict) and isinstance(entry.get("custom"), dict)
    ]
    own = custom[-1].get("watcher") if custom else None
    return own if isinstance(own, dict) else {}
