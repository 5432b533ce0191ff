"""A window of a source: searched, confirmed, decided, recorded."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from watcher.alerts.alert_store import AlertStore, RecordResult
from watcher.alerts.grouping import GroupedHit, alerts_of_hits, event_time, group
from watcher.checkpoints.gaps import SLICE
from watcher.errors import ClusterError, Refused
from watcher.match.predicate import Predicate
from watcher.match.ruleset import CompiledRule
from watcher.model import Alert, EventDocument, QueryPlan, Rule, Window
from watcher.ports import EventSource, IndexMapping, Page, SearchRequest, Snapshot
from watcher.search.outcomes import FailedSearch, MatchedPage, SearchFinding
from watcher.search.searcher import SearchContext, Searcher
from watcher.settings import Source
from watcher.settings.effective import RuleSettings
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import rule_predicate
from watcher.translate.plan_cache import PlanCache

log = structlog.get_logger(__name__)

Stopping = Callable[[], bool]

_BATCH = 500  # hits that are recorded at once


class Stopped(Exception):  # noqa: N818 - reads as the state it names
    """The sidecar is asked to end; what is in hand stays repeatable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRule:
    """A rule as a source watches it."""

    rule: Rule
    effective: RuleSettings
    predicate: Predicate


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionScope:
    """By which rules a window is searched, and until when."""

    rules: frozenset[str] | None = None  # ids; None: every rule of the source
    since: Mapping[str, datetime] = field(default_factory=dict)  # id → events before are not the rule's
    stopping: Stopping = _never  # whether to end; asked before every side effect


_EVERYTHING = DetectionScope()


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowResult:
    """What one window came to."""

    window: Window
    indices: tuple[str, ...] = ()  # that were searched
    counts: Mapping[datetime, int] = field(default_factory=dict)  # events by the start of their slice
    hits: int = 0  # recorded for the first time
    by_rule: Mapping[str, int] = field(default_factory=dict)  # hits found, recorded before or not, by the rule's id
    alerts: int = 0  # opened
    failed: tuple[FailedSearch, ...] = ()  # to be searched again
    refused: tuple[FailedSearch, ...] = ()  # the engine will not have these, whatever is tried

    @property
    def whole(self) -> bool:
        """Tell whether the window was searched by every rule that can be."""
        return not self.failed

    def failing(self, outcome: FailedSearch) -> WindowResult:
        """Add a rule whose search failed: for now, or for good."""
        if isinstance(outcome.error, Refused):
            return replace(self, refused=(*self.refused, outcome))
        return replace(self, failed=(*self.failed, outcome))


@dataclass(frozen=True, slots=True)
class _Stoppable:
    """A snapshot that is asked nothing more once the sidecar is to end."""

    snapshot: Snapshot
    stopping: Stopping

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Ask, unless it is time to end."""
        if self.stopping():
            raise Stopped
        return self.snapshot.search(requests)

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Count, unless it is time to end."""
        if self.stopping():
            raise Stopped
        return self.snapshot.counts(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenWindow:
    """An opened window, and what is asked of it."""

    mapping: IndexMapping
    context: SearchContext
    plans: Sequence[QueryPlan]


@dataclass(slots=True)
class _HitBuffer:
    """What rules hit, until it is recorded together: each record costs round trips."""

    found: dict[str, list[GroupedHit]] = field(default_factory=dict)  # by rule id
    count: int = 0

    def add(self, rule: Rule, grouped: Sequence[GroupedHit]) -> None:
        """Hold what a rule hit."""
        self.found.setdefault(rule.id, []).extend(grouped)
        self.count += len(grouped)

    def take(self) -> Mapping[str, Sequence[GroupedHit]]:
        """Return what is held by rule id, and hold it no more."""
        found, self.found, self.count = self.found, {}, 0
        return found


def prepare_rule(rule: Rule, effective: RuleSettings, source: Source) -> PreparedRule:
    """Prepare a rule for a source."""
    return PreparedRule(rule=rule, effective=effective, predicate=rule_predicate(rule, source))


@dataclass(slots=True)
class Detector:
    """Searches one source for what its rules mean."""

    source: Source
    events: EventSource
    alert_store: AlertStore
    rules: Sequence[PreparedRule]
    origin: str = "live"
    _planning: threading.Lock = field(init=False, default_factory=threading.Lock)
    _book: PlanCache = field(init=False)
    _prepared: Mapping[str, PreparedRule] = field(init=False)  # by rule id
    _searcher: Searcher = field(init=False)

    before: InitVar[Detector | None] = None

    def __post_init__(self, before: Detector | None) -> None:
        rules = tuple(one.rule for one in self.rules)
        watching = [CompiledRule(one.rule, one.predicate) for one in self.rules]
        self._prepared = {prepared.rule.id: prepared for prepared in self.rules}
        if before is None:
            self._book, self._searcher = PlanCache(self.source, rules), Searcher(self.source, watching)
        else:
            self._book, self._searcher = before._book.with_rules(rules), before._searcher.with_rules(watching)  # noqa: SLF001

    def with_rules(self, rules: Sequence[PreparedRule]) -> Detector:
        """Give the detector of other rules; this one goes on with those that it has, for whoever is using it."""
        return Detector(
            source=self.source,
            events=self.events,
            alert_store=self.alert_store,
            rules=rules,
            origin=self.origin,
            before=self,
        )

    def detect(self, window: Window, asked: DetectionScope = _EVERYTHING) -> WindowResult:
        """Search a window, record hits, open alerts.

        Raises a ClusterError where the cluster or the state answers nothing, Stopped where it is asked to end.
        """
        with self._seen(window, asked) as seen:
            if seen is None:
                return WindowResult(window=window)
            detected = WindowResult(
                window=window, indices=seen.mapping.indices, counts=seen.context.snapshot.counts(SLICE)
            )
            return self._search(seen.context, seen.plans, detected, asked)

    def look(self, window: Window, asked: DetectionScope = _EVERYTHING) -> Iterator[GroupedHit]:
        """Give what the rules hit in a window, and write nothing.

        Raises the ClusterError that kept it from being searched whole, Stopped where it is asked to end.
        """
        with self._seen(window, asked) as seen:
            if seen is None:
                return
            for outcome in self._searcher.search(seen.context, seen.plans):
                if isinstance(outcome, FailedSearch):
                    raise outcome.error
                if isinstance(outcome, MatchedPage):
                    yield from self._grouped(outcome, seen.context.event_reader, None)[0]

    @contextmanager
    def _seen(self, window: Window, asked: DetectionScope) -> Iterator[_OpenWindow | None]:
        """Open a window, and plan what is asked of it; None where no index is there."""
        with self.events.open(self.source.index, window, time_field=self.source.time_field) as opened:
            mapping = self.events.mapping(self.source.index, self._book.paths)
            if not mapping.indices:
                yield None
                return
            with self._planning:  # the live edge and the past are searched side by side
                plans = self._book.plans(mapping)
                translator = self._book.on(mapping)
            if asked.rules is not None:
                plans = tuple(plan for plan in plans if plan.rule.id in asked.rules)
            snapshot = _Stoppable(opened, asked.stopping)
            context = SearchContext(
                snapshot=snapshot, translator=translator, event_reader=EventReader(self.source, mapping)
            )
            yield _OpenWindow(mapping=mapping, context=context, plans=plans)

    def _search(
        self, context: SearchContext, plans: Sequence[QueryPlan], detected: WindowResult, asked: DetectionScope
    ) -> WindowResult:
        by_rule: Counter[str] = Counter()
        held = _HitBuffer()
        recorded = RecordResult()
        try:
            for outcome in self._searcher.search(context, plans):
                if asked.stopping():
                    raise Stopped
                match outcome:
                    case SearchFinding(plan=plan, finding=finding):
                        log.warning("rule.noted", rule=plan.rule.title, code=finding.code, finding=finding.message)
                    case FailedSearch(plan=plan, error=error):
                        log.warning("rule.failed", rule=plan.rule.title, error=str(error))
                        detected = detected.failing(outcome)
                    case MatchedPage(plan=plan):
                        grouped, broken = self._grouped(outcome, context.event_reader, asked.since.get(plan.rule.id))
                        by_rule[plan.rule.id] += len(grouped)
                        held.add(plan.rule, grouped)
                        detected = replace(detected, refused=(*detected.refused, *broken))
                if held.count >= _BATCH:
                    recorded += self._record(held.take(), asked)
        except ClusterError:
            self._record(held.take(), asked)  # what was found is told, whatever becomes of the rest
            raise
        recorded += self._record(held.take(), asked)
        return replace(detected, by_rule=dict(by_rule), hits=recorded.hits, alerts=len(recorded.alerts))

    def _record(self, found: Mapping[str, Sequence[GroupedHit]], asked: DetectionScope) -> RecordResult:
        """Record what several rules hit, by rule id, with as few requests as for one."""
        hits = [one.hit for grouped in found.values() for one in grouped]
        if not hits:
            return RecordResult()
        unknown = {hit.id for hit in self.alert_store.unknown(hits)}
        new = {rule_id: [one for one in grouped if one.hit.id in unknown] for rule_id, grouped in found.items()}
        opened = [alert for rule_id, grouped in new.items() for alert in self._alerts(rule_id, grouped)]
        if not opened:
            return RecordResult()
        if asked.stopping():
            raise Stopped
        made = [one.hit for grouped in new.values() for one in grouped]
        recorded = self.alert_store.record(opened, made, now=self.events.now())
        told = frozenset(recorded.alerts)
        for alert in opened:
            if alert.id in told:
                log.info("alert.opened", alert=alert.id, rule=alert.rule.title, level=str(alert.rule.level))
        return recorded

    def _alerts(self, rule_id: str, grouped: Sequence[GroupedHit]) -> Sequence[Alert]:
        """Return the alerts of one rule's hits."""
        prepared = self._prepared[rule_id]
        return alerts_of_hits(prepared.rule, prepared.effective, grouped, origin=self.origin)

    def _at(self, found: EventDocument) -> datetime:
        """Give the time by which the window selects an event."""
        return event_time(found.event, self.source.time_field)

    def _grouped(
        self, matched: MatchedPage, event_reader: EventReader, since: datetime | None
    ) -> tuple[list[GroupedHit], list[FailedSearch]]:
        """Confirm and group; an event that cannot be read is told, and hides neither other events nor other rules."""
        grouped, broken = [], []
        prepared = self._prepared[matched.plan.rule.id]
        for one in matched.found:
            try:
                if (since is None or self._at(one) >= since) and prepared.predicate(event_reader.view(one)):
                    grouped.append(group(prepared.rule, prepared.effective, one))
            except Exception as fault:  # attackers write events: what one of them breaks must not end the watch
                log.exception("event.broken", rule=matched.plan.rule.title, index=one.index, id=one.id)
                error = Refused(f"the event `{one.id}` of `{one.index}` cannot be read: {fault}")
                broken.append(FailedSearch(plan=matched.plan, error=error))
        return grouped, broken
