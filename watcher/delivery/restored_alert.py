"""A stored alert → Alert, as it was opened, even when its rule is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from watcher.event_files.nested_json import loads
from watcher.match.event_summary import stored_summary
from watcher.model import Alert, Event, Hit, Level, Location, LogSource, Or, Rule
from watcher.nesting import bounded
from watcher.ports import StoredDocument
from watcher.sigma.rule_folders import read_file
from watcher.sigma.rule_reader import RuleOrigin
from watcher.timestamps import parse_timestamp


def restore_alert(stored: StoredDocument) -> Alert:
    """Rebuild an alert from its document."""
    document = stored.document
    own = document["watcher"]
    moment = parse_timestamp(str(document["@timestamp"]))
    slot = parse_timestamp(str(own["alert"]["slot"]))
    if moment is None or slot is None:
        raise ValueError(f"the alert `{stored.id}` has no time")
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
    )
    return Alert(
        id=stored.id,
        rule=rule,
        key=tuple(_pair(text) for text in own["alert"]["key"]),
        slot=slot,
        origin=str(own["alert"]["origin"]),
        channels=tuple(str(entry["channel"]) for entry in own.get("deliveries", ())),
        first=hit,
    )


def _pair(text: str) -> tuple[str, str | None]:
    field, _, value = text.partition("=")
    return field, value or None


def _event(document: Mapping[str, Any]) -> Event:
    original = document.get("event", {}).get("original")
    return bounded(loads(original)) if isinstance(original, str) else dict(document)


def _rule(document: Mapping[str, Any]) -> Rule:
    about, own = document["rule"], document["watcher"]["rule"]
    path = str(own.get("path") or "rule.yml")
    rules, _ = read_file(
        str(own.get("source") or ""), file=path, origin=RuleOrigin(folder=str(own.get("folder") or ""), path=path)
    )
    if rules:
        # without an id of its own it has one by its place in a file, which its text alone does not tell
        # where a stored text holds several documents, the rule is the last of them
        return replace(rules[-1], id=str(about["id"]))
    return Rule(
        id=str(about["id"]),
        title=str(about["name"]),
        logsource=LogSource(),
        selections=(),
        conditions=(),
        node=Or(()),
        level=Level(str(own.get("level") or Level.MEDIUM)),
        description=str(about.get("description") or ""),
        author=str(about.get("author") or ""),
        references=tuple(map(str, about.get("reference") or ())),
        path=path,
        location=Location(file=path, line=1),
        text="",
        hash=str(own.get("hash") or ""),
    )
