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
from watcher.alerts.grouping import GroupedHit, alerts_of_hits
from watcher.checkpoints.gaps import SLICE
from watcher.errors import ClusterError, Refused, Unexpected
from watcher.match.predicate import Predicate
from watcher.match.ruleset import CompiledRule
from watcher.model import Alert, QueryPlan, Rule, UnreadableEvent, Window
from watcher.pipeline.confirm import Confirmed, Confirmer
from watcher.pipeline.reported import ReportedEvents
from watcher.pipeline.undecided import UndecidedEvent, UndecidedMemory
from watcher.ports import EventSource, IndexMapping, Page, SearchRequest, Snapshot
from watcher.search.outcomes import FailedSearch, MatchedPage, SearchFinding, Unreadable, reason_of
from watcher.search.searcher import SearchContext, Searcher
from watcher.settings import Source
from watcher.settings.effective import RuleSettings
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate

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

    def go_on(self) -> None:
        """Raise Stopped where it is time to end."""
        if self.stopping():
            raise Stopped


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
    unreadable: tuple[UnreadableEvent, ...] = ()  # events that cannot be decoded or evaluated, each once
    undecided: tuple[UndecidedEvent, ...] = ()  # neither hits nor none; reported for the first time

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

    def pause(self) -> None:
        """Raise Stopped where it is time to end."""
        if self.stopping():
            raise Stopped

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Ask, unless it is time to end."""
        self.pause()
        return self.snapshot.search(requests)

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Count, unless it is time to end."""
        self.pause()
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
    _reported: ReportedEvents = field(init=False)
    _undecided: UndecidedMemory = field(init=False, default_factory=UndecidedMemory)

    before: InitVar[Detector | None] = None

    def __post_init__(self, before: Detector | None) -> None:
        rules = tuple(one.rule for one in self.rules)
        watching = [CompiledRule(one.rule, one.predicate) for one in self.rules]
        self._prepared = {prepared.rule.id: prepared for prepared in self.rules}
        if before is None:
            self._book, self._searcher = PlanCache(self.source, rules), Searcher(self.source, watching)
            self._reported = ReportedEvents()
        else:
            self._book, self._searcher = before._book.with_rules(rules), before._searcher.with_rules(watching)  # noqa: SLF001
            self._reported = before._reported  # noqa: SLF001 - another detector of the same source
            self._undecided = before._undecided  # noqa: SLF001

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

        Raises a ClusterError where the cluster or the state answers nothing, Stopped where it is asked to end. Any
        other error is raised as Unexpected: the window becomes a gap, and everything else goes on.
        """
        try:
            return self._detect(window, asked)
        except (ClusterError, Stopped):
            raise
        except Exception as error:
            raise Unexpected(f"searching {window} failed: {reason_of(error)}; it is searched again") from error

    def _detect(self, window: Window, asked: DetectionScope) -> WindowResult:
        with self._seen(window, asked) as seen:
            if seen is None:
                return WindowResult(window=window)
            detected = WindowResult(
                window=window, indices=seen.mapping.indices, counts=seen.context.snapshot.counts(SLICE)
            )
            return self._search(seen.context, seen.plans, detected, asked)

    def look(self, window: Window, asked: DetectionScope = _EVERYTHING) -> Iterator[GroupedHit | UndecidedEvent]:
        """Give what the rules hit in a window and what could not be decided, and write nothing.

        Raises the ClusterError that kept it from being searched whole, Stopped where it is asked to end.
        """
        with self._seen(window, asked) as seen:
            if seen is None:
                return
            for outcome in self._searcher.search(seen.context, seen.plans):
                if isinstance(outcome, FailedSearch):
                    raise outcome.error
                if isinstance(outcome, MatchedPage):
                    confirmed_page = self._confirmed(outcome, seen.context, None)
                    yield from confirmed_page.hits
                    yield from confirmed_page.undecided

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
                translator = self._book.translator_for(mapping)
            if asked.rules is not None:
                plans = tuple(plan for plan in plans if plan.rule.id in asked.rules)
            snapshot = _Stoppable(opened, asked.stopping)
            event_reader = EventReader(self.source, mapping)
            context = SearchContext(
                snapshot=snapshot, translator=translator, event_reader=event_reader, pause=snapshot.pause
            )
            yield _OpenWindow(mapping=mapping, context=context, plans=plans)

    def _search(
        self, context: SearchContext, plans: Sequence[QueryPlan], detected: WindowResult, asked: DetectionScope
    ) -> WindowResult:
        by_rule: Counter[str] = Counter()
        undecided: list[UndecidedEvent] = []
        held = _HitBuffer()
        recorded = RecordResult()
        unreadable: dict[tuple[str, str], UnreadableEvent] = {}
        try:
            for outcome in self._searcher.search(context, plans):
                asked.go_on()
                match outcome:
                    case SearchFinding(plan=plan, finding=finding):
                        log.warning("rule.noted", rule=plan.rule.title, code=finding.code, finding=finding.message)
                    case FailedSearch(plan=plan, error=error):
                        log.warning("rule.failed", rule=plan.rule.title, error=str(error))
                        detected = detected.failing(outcome)
                    case Unreadable(events=events):
                        self._report(events, unreadable)
                    case MatchedPage(plan=plan):
                        page = self._confirmed(outcome, context, asked.since.get(plan.rule.id))
                        grouped = page.hits
                        undecided.extend(page.undecided)
                        by_rule[plan.rule.id] += len(grouped)
                        held.add(plan.rule, grouped)
                        self._report(page.unreadable, unreadable)
                if held.count >= _BATCH:
                    recorded += self._record(held.take(), asked)
        except Stopped:
            raise
        except Exception:
            self._record(held.take(), asked)  # what was found is told, whatever becomes of the rest
            raise
        recorded += self._record(held.take(), asked)
        return replace(
            detected,
            by_rule=dict(by_rule),
            hits=recorded.hits,
            alerts=len(recorded.alerts),
            unreadable=tuple(unreadable.values()),
            undecided=tuple(undecided),
        )

    def _report(self, events: Sequence[UnreadableEvent], into: dict[tuple[str, str], UnreadableEvent]) -> None:
        """Add events to the unreadable ones of a window, each once, and log each once for as long as we run."""
        for event in events:
            into.setdefault((event.index, event.id), event)
            self._reported.report(event)

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
        asked.go_on()
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

    def _confirmed(self, matched: MatchedPage, context: SearchContext, since: datetime | None) -> Confirmed:
        confirmer = Confirmer(
            event_reader=context.event_reader,
            time_field=self.source.time_field,
            undecided=self._undecided,
            pause=context.pause,
        )
        prepared = self._prepared[matched.plan.rule.id]
        return confirmer.confirm(matched, prepared.predicate, prepared.effective, since)
