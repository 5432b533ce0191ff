"""Stored alerts, as people triage them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import LONGEST_COMMENT, LONGEST_NAME, Triage
from watcher.alerts.alert_triage import AlertTriage, TriagedAlert
from watcher.components import Components
from watcher.delivery.delivery_totals import TOTALLED, DeliveryTotals
from watcher.delivery.prior_counts import PriorAlertCounts
from watcher.delivery.status_deliveries import StatusDeliveries
from watcher.errors import InputError
from watcher.match.event_summarizer import stored_summary
from watcher.model import AlertKind, EventSummary, JoinedHits, PriorAlerts
from watcher.notify.channel_registry import following_channels
from watcher.ports import Progress, StateQuery, StoredDocument
from watcher.timestamps import format_timestamp, parse_timestamp

AROUND = timedelta(hours=1)
"""How far before and after an alert the other alerts of its host are shown."""

MOST_AROUND = 20
"""Alerts of the host that are shown."""

MOST_ALERTS = 10_000
"""Alerts that a command of triage changes."""


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

    @property
    def joined(self) -> JoinedHits | None:
        """All hits of the alert; None for an alert of an older version that no hit joined since."""
        own = self.document["watcher"]
        return JoinedHits.from_document(own["joined"], tuple(own.get("updates") or ())) if own.get("joined") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSurroundings:
    """What the state knows around an alert."""

    prior: PriorAlerts | None  # None: it is not known
    host: str
    around: tuple[AlertRecord, ...]  # other alerts of the host within an hour, the oldest first
    has_more: bool  # whether there are more than these


def list_alerts(components: Components, selected: AlertFilter, *, limit: int) -> tuple[AlertRecord, ...]:
    """Return the newest alerts that a filter selects, newest first.

    Raises Refused for a state of another version, InputError where an id of the filter does not exist.
    """
    components.installation().version.require_current()
    alerts = tuple(map(_record, components.alert_store().alerts(size=limit, selected=selected)))
    unknown = [alert for alert in selected.ids if components.alert_store().alert(alert) is None]
    if unknown:
        raise InputError(f"no alert has the id `{unknown[0]}`", fix="`watcher alerts --json` lists the newest ids")
    return alerts


def each_alert(components: Components, selected: AlertFilter) -> Iterator[AlertRecord]:
    """Yield all alerts that a filter selects, newest first, in bounded memory; raises as `list_alerts`."""
    list_alerts(components, selected, limit=1)
    return map(_record, components.alert_store().each_alert(selected))


def total_deliveries(components: Components, selected: AlertFilter) -> DeliveryTotals:
    """Return the sums of the delivery records of all alerts that a filter selects; raises as `list_alerts`."""
    list_alerts(components, selected, limit=1)
    totals = DeliveryTotals()
    for stored in components.alert_store().each_alert(selected, only=TOTALLED):
        totals.add(stored.document)
    return totals


def alert_surroundings(components: Components, alert: AlertRecord) -> AlertSurroundings:
    """Return how often the rule of an alert fired before, and the alerts of its host around it."""
    documents, prefix = components.state(), components.settings.state.prefix
    stored = components.alert_store().alert(alert.id)
    host = str((alert.document.get("host") or {}).get("name") or "")
    moment = parse_timestamp(alert.time)
    around: tuple[AlertRecord, ...] = ()
    if host and moment is not None:
        span = {"gte": format_timestamp(moment - AROUND), "lte": format_timestamp(moment + AROUND)}
        filters = [{"term": {"host.name": host}}, {"range": {"@timestamp": span}}]
        query = StateQuery(
            index=f"{prefix}-alerts-*",
            query={"bool": {"filter": filters, "must_not": [{"term": {"watcher.alert.id": alert.id}}]}},
            size=MOST_AROUND + 1,
            sort=({"@timestamp": "asc"}, {"watcher.alert.id": "asc"}),
            only=("@timestamp", "rule.name", "watcher.alert", "watcher.rule.level"),
        )
        around = tuple(map(_record, documents.search(query)))
    prior = None if stored is None else PriorAlertCounts(documents, prefix)(stored)
    return AlertSurroundings(prior=prior, host=host, around=around[:MOST_AROUND], has_more=len(around) > MOST_AROUND)


def select_for_triage(components: Components, selected: AlertFilter) -> tuple[StoredDocument, ...]:
    """Return the alerts that an action of triage would change.

    Raises InputError where the filter selects everything, more than a command changes, or an id that does not exist.
    """
    if selected.is_empty:
        raise InputError("no alerts are named", fix="name ids, or a filter such as `--rule` or `--status open`")
    components.installation().version.require_current()
    alert_triage = AlertTriage(components.state(), components.settings.state.prefix)
    alerts = alert_triage.select(selected, most=MOST_ALERTS + 1)
    if len(alerts) > MOST_ALERTS:
        raise InputError(f"more than {MOST_ALERTS:,} alerts are selected", fix="narrow the filter, e.g. by `--since`")
    existing = {alert.id for alert in alerts}
    unknown = [alert for alert in selected.ids if alert.lower() not in existing]
    if unknown and AlertFilter(ids=selected.ids) == selected:
        raise InputError(f"no alert has the id `{unknown[0]}`", fix="`watcher alerts` lists the newest ids")
    return alerts


def triage_alerts(
    components: Components, alerts: Sequence[StoredDocument], triage: Triage, progress: Progress
) -> tuple[TriagedAlert, ...]:
    """Do an action to alerts, and return what it did to each; raises InputError where a text is too long."""
    for text, longest, option in (
        (triage.comment, LONGEST_COMMENT, "--comment"),
        (triage.by, LONGEST_NAME, "--by"),
        (triage.assignee, LONGEST_NAME, "--to"),
    ):
        if len(text) > longest:
            raise InputError(f"`{option}` has {len(text):,} characters", fix=f"write at most {longest:,}")
    now = components.events().now()
    also = StatusDeliveries(channels=following_channels(components.settings.channels), now=now)
    alert_triage = AlertTriage(components.state(), components.settings.state.prefix, also)
    return alert_triage.change(alerts, triage, now=now, progress=progress)


def _record(stored: StoredDocument) -> AlertRecord:
    return AlertRecord(id=stored.id, index=stored.index, document=stored.document)
