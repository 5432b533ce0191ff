"""Documents of a search → hits, by evaluating the rule itself; a query may return more than the rule matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from watcher.alerts.base_hits import base_hit
from watcher.alerts.grouping import GroupedHit, event_time, group, group_undecided
from watcher.alerts.stored_event import stored_event
from watcher.errors import Undecided
from watcher.match.event_view import EventView
from watcher.model import EventDocument, MatchedField, Rule, UnreadableEvent
from watcher.model.correlation_hits import BaseHit
from watcher.nesting import bounded
from watcher.pipeline.detection_scope import PreparedRule
from watcher.pipeline.event_memory import UndecidedEvent, report_undecided
from watcher.search.outcomes import MatchedPage, reason_of
from watcher.search.undecided_events import UndecidedEvents
from watcher.translate.mapped_events import EventReader

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The outcome of confirming one page of a rule's search."""

    hits: tuple[GroupedHit, ...]
    unreadable: tuple[UnreadableEvent, ...]  # events that cannot be evaluated
    undecided: tuple[UndecidedEvent, ...]  # events that the rule did not decide in time, not reported before
    undecided_hits: tuple[GroupedHit, ...]  # of all such events, also of those that were reported before
    base_hits: tuple[BaseHit, ...] = ()  # what correlations count, also before the rule itself is searched


@dataclass(slots=True)
class _Page:
    """The outcome of a page so far."""

    hits: list[GroupedHit] = field(default_factory=list)
    unreadable: list[UnreadableEvent] = field(default_factory=list)
    undecided: list[UndecidedEvent] = field(default_factory=list)
    undecided_hits: list[GroupedHit] = field(default_factory=list)
    base_hits: list[BaseHit] = field(default_factory=list)

    def result(self) -> Confirmed:
        return Confirmed(
            hits=tuple(self.hits),
            unreadable=tuple(self.unreadable),
            undecided=tuple(self.undecided),
            undecided_hits=tuple(self.undecided_hits),
            base_hits=tuple(self.base_hits),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmer:
    """Evaluates the events of one window by the rules themselves."""

    event_reader: EventReader
    time_field: str
    undecided: UndecidedEvents  # an event that was undecided before is not evaluated again
    pause: Callable[[], None]  # called before each event; raises if the search is to end

    def confirm(self, page: MatchedPage, prepared: PreparedRule, since: datetime | None) -> Confirmed:
        """Return the hits of a page, the events that cannot be evaluated, and those that stay undecided.

        Such an event hides neither other events nor other rules. Events before `since`, by the time field, are no
        hits. Each event is flattened once; grouping and the summary of the hit read the same view, and the
        hit holds what is stored of the event.
        """
        confirmed = _Page()
        for document in page.documents:
            self.pause()
            try:
                self._confirm(page, document, prepared, since, confirmed)
            except Exception as error:  # noqa: BLE001 - attackers write events: one of them must not end the window
                fault = UnreadableEvent(index=document.index, id=document.id, reason=reason_of(error))
                confirmed.unreadable.append(fault)
        report_clamped(prepared.rule, [*confirmed.hits, *confirmed.undecided_hits], self.time_field)
        return confirmed.result()

    def _confirm(
        self,
        page: MatchedPage,
        document: EventDocument,
        prepared: PreparedRule,
        since: datetime | None,
        confirmed: _Page,
    ) -> None:
        """Evaluate one event, and add it to the outcome of its page."""
        event = bounded(document.event)  # JSON writers recurse into what is stored and sent
        shallow = document if event is document.event else replace(document, event=event)
        view = self.event_reader.view(shallow)
        is_too_early = since is not None and event_time(view, self.time_field) < since
        if is_too_early and prepared.role is None:
            return
        reason = page.undecided.get((document.index, document.id))
        matches = self._evaluate(prepared, document, view, reason)
        if matches is False:
            return
        if isinstance(matches, UndecidedEvent):
            confirmed.undecided.append(matches)
        stored = replace(shallow, event=stored_event(shallow))
        grouping = group if matches is True else group_undecided
        grouped = grouping(prepared.rule, prepared.effective, stored, view, time_field=self.time_field)
        if matches is True and prepared.role is not None:
            confirmed.base_hits.append(base_hit(grouped.hit, view, prepared.role.fields))
        if is_too_early:
            return
        if matches is not True:
            confirmed.undecided_hits.append(grouped)
        elif prepared.alerts:
            hit = replace(grouped.hit, matched=_matched_fields(prepared, document, view))
            confirmed.hits.append(replace(grouped, hit=hit))

    def _evaluate(
        self, prepared: PreparedRule, document: EventDocument, view: EventView, reason: str | None
    ) -> bool | UndecidedEvent | None:
        """Return whether the rule matches, or the undecided event; None if it was undecided before.

        `reason` is why the search left it undecided, None if it did not: each event is evaluated in vain once only.
        """
        rule = prepared.rule
        if self.undecided.includes(rule, document):
            return None
        if reason is None:
            try:
                return prepared.predicate(view)
            except Undecided as fault:
                reason = str(fault)
        return report_undecided(rule, document, reason, self.undecided)


def _matched_fields(prepared: PreparedRule, document: EventDocument, view: EventView) -> tuple[MatchedField, ...]:
    """Return for which values the rule matches; an event that defeats the explanation is a hit all the same."""
    try:
        return prepared.explainer.matched(view)
    except Exception as error:  # noqa: BLE001 - attackers write events
        log.warning(
            "hit.unexplained",
            rule=prepared.rule.title,
            index=document.index,
            id=document.id,
            error=type(error).__name__,
        )
        return ()


def report_clamped(rule: Rule, hits: Sequence[GroupedHit], time_field: str) -> None:
    """Log how many hits of a page do not have the time of their `@timestamp`, with the first of them."""
    clamped = [entry.hit for entry in hits if entry.is_clamped]
    if clamped:
        log.warning(
            "event.time_replaced",
            rule=rule.title,
            hits=len(clamped),
            index=clamped[0].index,
            id=clamped[0].event_id,
            time_field=time_field,
            advice="`@timestamp` is too far from the time field, which the hits have instead; look at the events",
        )
