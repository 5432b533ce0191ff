"""Groups that are seen again after an absence: their alerts are resolved, with the time and the length of the silence.

Whoever searches looks, before the watermark moves: a search that ends halfway is repeated, and so is this. An alert
that is closed is left as it is, so several sidecars and a backfill resolve it once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watcher.alerts.correlated_hits import alert_of
from watcher.alerts.open_absences import OpenAbsence, OpenAbsences
from watcher.correlate import CorrelationStates
from watcher.correlate.comparisons import is_absence
from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.correlate.correlation_texts import duration_text
from watcher.delivery.status_deliveries import StatusDeliveries
from watcher.model import Window
from watcher.model.correlation_hits import CorrelationHit
from watcher.pipeline.detection_scope import PreparedCorrelation
from watcher.pipeline.searched_windows import CorrelatedSource
from watcher.timestamps import format_since_1970

_READ_AT_ONCE = timedelta(hours=6)
_SECOND = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a searched window completes, and where the base hits after it are."""

    hits: Sequence[CorrelationHit] = ()
    states: CorrelationStates | None = None  # with the base hits of the window; None: no correlation is concerned


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedGroups:
    """Resolves the alerts of absences."""

    absences: OpenAbsences
    following: Sequence[str] = ()  # names of the channels that follow alerts

    def resolve(
        self,
        completion: Completion,
        plan: CorrelationPlan,
        rules: Mapping[str, PreparedCorrelation],
        *,
        now: datetime,
    ) -> None:
        """Resolve the alerts whose groups have an event after their silence; the hits are recorded already."""
        fields = {
            entry.rule_id: entry.group_fields
            for entry in plan.correlations
            if entry.rule_id in plan.alerting and is_absence(entry)
        }
        if completion.states is None or not fields:
            return
        returns = {
            alert_of(hit, rules[hit.rule_id].effective).alert: hit.seen_again
            for hit in completion.hits
            if hit.rule_id in fields
        }
        comments = []
        for absence in self.absences.of(tuple(fields)):
            seen = returns.get(absence.alert.id) or _returned(absence, fields[absence.rule_id], completion.states)
            if seen is not None:
                comments.append((absence, _comment(absence, seen)))
        if comments:
            self.absences.resolve(comments, also=StatusDeliveries(channels=self.following, now=now), now=now)


def with_return(
    completion: Completion,
    sources: Collection[CorrelatedSource],
    plan: CorrelationPlan,
    unread: tuple[datetime, datetime],
) -> Completion:
    """Return a completion with the times at which absent groups were seen again.

    `unread` is the time after the base hits of its states; it is read only as far as some group was not seen.
    """
    states, (start, until) = completion.states, unread
    if states is None:
        return completion
    waiting = [hit for hit in completion.hits if hit.is_absence and hit.seen_again is None]
    while waiting and start < until:
        span = Window(start=start, end=min(start + _READ_AT_ONCE, until))
        for source in sources:
            deque(states.add_all(source.read(span, frozenset(plan.roles))), maxlen=0)
        waiting = [hit for hit in waiting if _seen_again(hit, states) is None]
        start = span.end
    hits = [replace(hit, seen_again=_seen_again(hit, states)) if hit.is_absence else hit for hit in completion.hits]
    return replace(completion, hits=hits)


def _seen_again(hit: CorrelationHit, states: CorrelationStates) -> int | None:
    group = tuple(value.casefold() for _, value in hit.group)
    return states.first_after(hit.rule_id, group, hit.completing.time)


def _returned(absence: OpenAbsence, fields: Sequence[str], states: CorrelationStates) -> int | None:
    group = absence.group(fields)
    return None if group is None else states.first_after(absence.rule_id, group, absence.last_seen)


def _comment(absence: OpenAbsence, seen: int) -> str:
    silent = timedelta(seconds=(seen - absence.last_seen) // _SECOND)
    return f"seen again at {format_since_1970(seen)}, after {duration_text(silent)} without an event"
