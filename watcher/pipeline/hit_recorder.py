"""Hits of a window → recorded hits and opened alerts, many at a time: each request to the state costs a round trip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from watcher.alerts.alert_store import AlertStore, RecordResult
from watcher.alerts.grouping import GroupedHit, alerts_of_hits
from watcher.alerts.routed_alerts import AlertRouter
from watcher.clock import SystemClock
from watcher.model import Alert, RuleMetadata
from watcher.pipeline.detection_scope import DetectionScope, PreparedCorrelation, PreparedRule

log = structlog.get_logger(__name__)

BATCH = 500
"""Hits that are recorded together."""
_BUFFERED_FOR = 2.0  # seconds: while later events take long, the hits before them open their alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSilence:
    """Which alerts of a backfill have no deliveries: those of events from before live detection of their rule.

    A later event that is new to the backfill is in a gap, or came late: live detection would have alerted it, and no
    longer can once its hit is recorded. Its alert counts as live, also where an earlier slice opened it silently.
    """

    live_since: Mapping[str, datetime]  # rule id → since when it is searched live

    def includes(self, rule_id: str, hits: Sequence[GroupedHit]) -> bool:
        """Whether the alert of some hits of a rule has no deliveries."""
        since = self.live_since.get(rule_id)
        return since is None or all(entry.hit.time < since for entry in hits)


@dataclass(slots=True, kw_only=True)
class HitRecorder:
    """Buffers the hits of one window by rule, and records them in batches."""

    alert_store: AlertStore
    prepared: Mapping[str, PreparedRule | PreparedCorrelation]  # by rule id
    origin: str  # `live` or `backfill`
    scope: DetectionScope
    silence: BackfillSilence | None = None
    now: Callable[[], datetime]  # the cluster's time
    router: AlertRouter = field(default_factory=AlertRouter)
    source: str = ""  # the name of the source that is searched
    seconds: Callable[[], float] = field(default_factory=lambda: SystemClock().monotonic)
    result: RecordResult = field(default_factory=RecordResult)
    by_rule: Counter[str] = field(default_factory=Counter)  # rule id → hits, new or not
    by_level: Counter[str] = field(default_factory=Counter)  # level → alerts that were opened
    replaced_times: set[tuple[str, str]] = field(default_factory=set)  # index and `_id` of new events with such hits
    _buffer: dict[str, list[GroupedHit]] = field(default_factory=dict)  # by rule id
    _buffered: int = 0
    _since: float = 0.0  # when the first of them was buffered

    def add(self, rule: RuleMetadata, hits: Sequence[GroupedHit]) -> None:
        """Buffer the hits of a rule, and record the buffer once it is a batch."""
        self.by_rule[rule.id] += len(hits)
        self._add(rule, hits)

    def add_undecided(self, rule: RuleMetadata, hits: Sequence[GroupedHit]) -> None:
        """Buffer events on which a rule could not be decided: they open alerts, and are not counted as its hits."""
        self._add(rule, hits)

    def _add(self, rule: RuleMetadata, hits: Sequence[GroupedHit]) -> None:
        if not hits:
            return
        now = self.seconds()
        if not self._buffered:
            self._since = now
        self._buffer.setdefault(rule.id, []).extend(hits)
        self._buffered += len(hits)
        if self._buffered >= BATCH or now - self._since > _BUFFERED_FOR:
            self.flush()

    def flush(self) -> None:
        """Record the buffered hits; those that are recorded already open nothing."""
        buffer, self._buffer, self._buffered = self._buffer, {}, 0
        unknown = {
            hit.id for hit in self.alert_store.unknown([entry.hit for grouped in buffer.values() for entry in grouped])
        }
        if not unknown:
            return
        new = {rule_id: [entry for entry in grouped if entry.hit.id in unknown] for rule_id, grouped in buffer.items()}
        alerts = tuple(self._alerts(new))
        self.scope.check()
        new_hits = [entry.hit for grouped in new.values() for entry in grouped]
        recorded = self.alert_store.record(alerts, new_hits, now=self.now())
        self.result += recorded
        new_entries = (entry for grouped in new.values() for entry in grouped)
        self.replaced_times.update((entry.hit.index, entry.hit.event_id) for entry in new_entries if entry.is_clamped)
        opened = frozenset(recorded.alerts)
        self.by_level.update(str(alert.rule.level) for alert in alerts if alert.id in opened)
        _log_opened(alerts, opened)

    def _alerts(self, hits: Mapping[str, Sequence[GroupedHit]]) -> Iterator[Alert]:
        now = self.now()
        for rule_id, grouped in hits.items():
            prepared = self.prepared[rule_id]
            for alert in alerts_of_hits(prepared.rule, prepared.effective, grouped, origin=self.origin):
                if self.silence is None:
                    yield self.router.route(alert, source=self.source, at=now)
                elif self.silence.includes(rule_id, [entry for entry in grouped if entry.alert == alert.id]):
                    yield replace(alert, channels=())
                else:
                    yield self.router.route(replace(alert, origin="live"), source=self.source, at=now)


def _log_opened(alerts: Sequence[Alert], opened: frozenset[str]) -> None:
    for alert in alerts:
        if alert.id in opened:
            log.info(
                "alert.opened",
                alert=alert.id,
                kind=str(alert.first.kind),
                rule=alert.rule.title,
                level=str(alert.rule.level),
            )
            if not alert.has_key:
                log.warning(
                    "alert.without_key",
                    alert=alert.id,
                    rule=alert.rule.title,
                    group_by=[field for field, _ in alert.key],
                    advice="hits of all computers join this alert; call `watcher check --live`, and correct `group_by`",
                )
