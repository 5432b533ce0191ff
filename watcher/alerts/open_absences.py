"""Stored alerts of absences that are not closed: the groups that they wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from watcher.alerts.alert_history import Triage, history_of
from watcher.alerts.alert_pages import NEWEST, PAGE, each_alert
from watcher.alerts.alert_triage import AlertTriage, Also
from watcher.model import AlertStatus, TriageAction
from watcher.model.correlation_evidence import CorrelationEvidence
from watcher.ports import Documents, StateQuery, StoredDocument
from watcher.timestamps import milliseconds

BY = "watcher"
"""Who resolves alerts, as their history names it."""

_FIELDS = ("watcher.alert", "watcher.history", "watcher.deliveries", "watcher.correlation", "rule.id")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAbsence:
    """An alert about a group that was silent, and is not known to have been seen since."""

    alert: StoredDocument
    rule_id: str
    key: tuple[str, ...]  # `field=value` of each field of the group
    last_seen: int  # in milliseconds: the last event before the silence

    def group(self, fields: Sequence[str]) -> tuple[str, ...] | None:
        """Return the folded values of the group; None where the rule groups by other fields meanwhile."""
        prefixes = [f"{field}=" for field in fields]
        pairs = list(zip(self.key, prefixes, strict=False))
        if len(self.key) != len(prefixes) or not all(text.startswith(prefix) for text, prefix in pairs):
            return None
        return tuple(text.removeprefix(prefix).casefold() for text, prefix in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAbsences:
    """Reads and resolves the alerts of absences."""

    documents: Documents
    prefix: str = "watcher"

    def of(self, rules: Sequence[str]) -> Iterator[OpenAbsence]:
        """Yield the alerts of some rules that are not closed, those of a moment ago too."""
        pattern = f"{self.prefix}-alerts-*"
        self.documents.refresh(pattern)
        query = {
            "bool": {
                "filter": [{"terms": {"rule.id": sorted(rules)}}, {"exists": {"field": "watcher.correlation.last"}}],
                "must_not": [{"term": {"watcher.alert.state": str(AlertStatus.CLOSED)}}],
            }
        }
        pages = StateQuery(index=pattern, query=query, size=PAGE, sort=NEWEST, only=_FIELDS)
        for stored in each_alert(self.documents, pages):
            if not _is_reopened(stored):
                yield _open_absence(stored)

    def resolve(self, comments: Sequence[tuple[OpenAbsence, str]], *, also: Also, now: datetime) -> None:
        """Close alerts, each with a comment in its history; one that is closed meanwhile stays as it is."""
        actions = [
            (absence.alert, Triage(action=TriageAction.RESOLVE, by=BY, comment=comment))
            for absence, comment in comments
        ]
        AlertTriage(self.documents, self.prefix, also).change_each(actions, now=now)


def _is_reopened(stored: StoredDocument) -> bool:
    """Whether a person opened an alert again after it was resolved: it is resolved once."""
    return any(entry.action is TriageAction.RESOLVE for entry in history_of(stored.document))


def _open_absence(stored: StoredDocument) -> OpenAbsence:
    own = stored.document["watcher"]
    evidence = CorrelationEvidence.from_document(own["correlation"])
    return OpenAbsence(
        alert=stored,
        rule_id=str(stored.document["rule"]["id"]),
        key=tuple(map(str, own["alert"].get("key") or ())),
        last_seen=milliseconds(evidence.last),
    )
