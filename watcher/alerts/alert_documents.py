"""Alerts and hits as documents: ECS names, short texts, and the event itself as one text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from watcher.match.event_view import EventView
from watcher.model import Alert, Event, Hit, Rule
from watcher.state.index_templates import MAX_KEYWORD
from watcher.timestamps import format_timestamp

_EXECUTABLE = ("Image", "NewProcessName", "ProcessName", "SourceImage")
_PARENT = ("ParentImage", "ParentProcessName")


def monthly_index(prefix: str, kind: str, moment: datetime) -> str:
    """Give the index of a month: `watcher-alerts-2026.11`."""
    return f"{prefix}-{kind}-{moment.astimezone(UTC):%Y.%m}"


def hit_document(hit: Hit, *, store: str) -> dict[str, Any]:
    """Write a hit; `store` tells how much of the event is kept: whole, fields or none."""
    document = _about(hit.rule)
    document["@timestamp"] = format_timestamp(hit.time)
    if store != "none":
        document.update(summary_fields(hit.event))
    if store == "whole":
        document.setdefault("event", {})["original"] = event_json(hit.event)
    document["watcher"] |= {
        "hit": {"index": hit.index, "id": hit.event_id},
        "alert": {"id": hit.alert},
    }
    return document


def alert_document(alert: Alert, *, now: datetime) -> dict[str, Any]:
    """Write a new alert with all that is owed; it carries what telling it takes, even when its rule is gone."""
    document = _about(alert.rule)
    document["@timestamp"] = format_timestamp(alert.first.time)
    document.update(summary_fields(alert.first.event))
    document.setdefault("event", {}).update(
        original=event_json(alert.first.event), created=format_timestamp(now), kind="alert"
    )
    document["watcher"]["rule"]["source"] = alert.rule.text
    document["watcher"] |= {
        "hit": {"id": alert.first.event_id, "index": alert.first.index},
        "alert": {
            "id": alert.id,
            "state": "open",
            "key": [f"{field}={'' if value is None else value}"[:MAX_KEYWORD] for field, value in alert.key],
            "slot": format_timestamp(alert.slot),
            "origin": alert.origin,
        },
        "deliveries": pending_deliveries(alert, now=now),
    }
    return document


def pending_deliveries(alert: Alert, *, now: datetime) -> list[Mapping[str, Any]]:
    """Write what a new alert owes: a message to each channel, due at once."""
    return [
        {"channel": channel, "state": "pending", "attempts": 0, "due": format_timestamp(now)}
        for channel in alert.channels
    ]


def without_event_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a document what an engine may refuse: all that an attacker wrote, but for the event as text."""
    kept = {key: document[key] for key in ("@timestamp", "rule", "threat", "watcher") if key in document}
    original = document.get("event", {}).get("original")
    kept["event"] = {"original": original} if isinstance(original, str) else {}
    return kept


def event_json(event: Event) -> str:
    """Write an event as one JSON text."""
    return json.dumps(event, ensure_ascii=False, default=str)


def _about(rule: Rule) -> dict[str, Any]:
    document: dict[str, Any] = {
        "rule": {
            "id": rule.id,
            "name": _cut(rule.title),
            "description": _cut(rule.description),
            "author": _cut(rule.author),
            "reference": [_cut(one) for one in rule.references],
        },
        "watcher": {
            "version": 1,
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


def summary_fields(event: Event) -> dict[str, Any]:
    """Give who did what where, in ECS names; what the event does not hold is left out."""
    view = EventView(event)
    found = {
        "host.name": view.at("host.name") or view.at("winlog.computer_name"),
        "user.name": view.at("user.name") or view.values("SubjectUserName") or view.values("User"),
        "user.domain": view.at("user.domain") or view.values("SubjectDomainName"),
        "process.executable": _first(view, _EXECUTABLE),
        "process.command_line": view.values("CommandLine"),
        "process.parent.executable": _first(view, _PARENT),
        "process.parent.command_line": view.values("ParentCommandLine"),
        "event.code": view.at("event.code") or view.at("winlog.event_id"),
        "event.provider": view.at("event.provider") or view.at("winlog.provider_name"),
        "winlog.channel": view.at("winlog.channel"),
    }
    document: dict[str, Any] = {}
    for path, values in found.items():
        if values:
            *parents, last = path.split(".")
            node = document
            for name in parents:
                node = node.setdefault(name, {})
            node[last] = _cut(values[0])
    return document


def _first(view: EventView, fields: tuple[str, ...]) -> tuple[str, ...]:
    return next((values for field in fields if (values := view.values(field))), ())


def _cut(text: str) -> str:
    return text[:MAX_KEYWORD]
