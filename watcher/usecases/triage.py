"""Stored alerts, as people triage them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watcher.components import Components
from watcher.match.event_summarizer import stored_summary
from watcher.model import AlertKind, EventSummary
from watcher.ports import StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """One stored alert."""

    id: str
    index: str
    document: Mapping[str, Any]  # as it is stored, in ECS and under `watcher`

    @property
    def time(self) -> str:
        """The `@timestamp` of the alert, as it is stored."""
        return str(self.document["@timestamp"])

    @property
    def title(self) -> str:
        """The title of the rule; it begins with `Undecided:` where it is not certain that the rule matches."""
        name = str(self.document["rule"]["name"])
        is_undecided = self.document["watcher"]["alert"].get("kind") == AlertKind.UNDECIDED
        return f"Undecided: {name}" if is_undecided else name

    @property
    def level(self) -> str:
        """The level of the rule."""
        return str(self.document["watcher"]["rule"]["level"])

    @property
    def summary(self) -> EventSummary:
        """The summary of the alert's first event."""
        return stored_summary(self.document)


def list_alerts(components: Components, *, limit: int) -> tuple[AlertRecord, ...]:
    """Return the newest alerts, newest first; raises Refused for a state of another version."""
    components.installation().version.require_current()
    return tuple(map(_record, components.alert_store().alerts(size=limit)))


def _record(stored: StoredDocument) -> AlertRecord:
    return AlertRecord(id=stored.id, index=stored.index, document=stored.document)
