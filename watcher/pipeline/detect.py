"""The search of one window of a source: open and plan, search, confirm, group, record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime

import structlog

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import GroupedHit
from watcher.alerts.routed_alerts import AlertRouter
from watcher.errors import ClusterError, Incomplete, Refused, Unexpected
from watcher.match.compiled_rule import CompiledRule
from watcher.model import UnreadableEvent, UnsearchableIndex, Window
from watcher.model.correlation_hits import BaseHit
from watcher.pipeline.confirm import Confirmed, Confirmer
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.detection_scope import ALL_RULES, DetectionScope, PreparedCorrelation, PreparedRule, Stopped
from watcher.pipeline.event_memory import EventMemory, UndecidedEvent, report_unreadable
from watcher.pipeline.hit_recorder import BackfillSilence, HitRecorder
from watcher.pipeline.interrupted_searches import SearchTimes
from watcher.pipeline.past_reader import PastReader
from watcher.pipeline.recorded_undecided import recall_undecided
from watcher.pipeline.searched_windows import CorrelatedSource, SearchedWindow
from watcher.pipeline.undecided_rules import UndecidedRule, UndecidedRules
from watcher.pipeline.unread_window import unread_window
from watcher.pipeline.window_plans import EmptyWindow, OpenWindow, WindowPlanner
from watcher.pipeline.window_result import WindowProblems, WindowResult, counted, refused_rules
from watcher.ports import EventSource
from watcher.search.outcomes import FailedSearch, MatchedPage, SearchFinding, Unreadable, reason_of
from watcher.search.searcher import SearchContext, Searcher
from watcher.search.source_faults import source_faults
from watcher.search.undecided_events import UndecidedEvents
from watcher.settings import Source

log = structlog.get_logger(__name__)

_ATTEMPTS = 3  # at a window, each without further indices that fail


@dataclass(slots=True)
class Detector:
    """Searches windows of one source by its rules."""

    source: Source
    events: EventSource
    alert_store: AlertStore
    rules: Sequence[PreparedRule]
    origin: str = "live"
    silence: BackfillSilence | None = None  # of a backfill
    router: AlertRouter = field(default_factory=AlertRouter)
    correlator: Correlator | None = None  # None: the rules are in no correlation
    _prepared: Mapping[str, PreparedRule] = field(init=False)  # by rule id
    _recorded_rules: Mapping[str, PreparedRule | PreparedCorrelation] = field(init=False)  # by rule id
    _planner: WindowPlanner = field(init=False)
    _past: PastReader = field(init=False)
    _searcher: Searcher = field(init=False)
    _unreadable: EventMemory = field(init=False, default_factory=EventMemory)
    _undecided: UndecidedEvents = field(init=False, default_factory=UndecidedEvents)
    _undecided_rules: UndecidedRules = field(init=False, default_factory=UndecidedRules)

    before: InitVar[Detector | None] = None

    def __post_init__(self, before: Detector | None) -> None:
        self._prepared = {prepared.rule.id: prepared for prepared in self.rules}
        self._recorded_rules = self._prepared
        compiled = [CompiledRule(prepared.rule, prepared.predicate) for prepared in self.rules]
        if before is None:
            self._planner = WindowPlanner.of(self.source, self.events, self.rules)
            self._searcher = Searcher(self.source, compiled)
            self._join_correlator()
            return
        self._planner = before._planner.with_rules(self.rules)  # noqa: SLF001 - another detector of the same source
        self._searcher = before._searcher.with_rules(compiled)  # noqa: SLF001
        self._unreadable, self._undecided = before._unreadable, before._undecided  # noqa: SLF001
        self._undecided_rules = before._undecided_rules  # noqa: SLF001
        self._join_correlator()

    def _join_correlator(self) -> None:
        self._past = PastReader(self.find_base_hits, self._planner.open)
        if self.correlator is not None:
            times = SearchTimes(every=self.source.every, overlap=self.source.overlap)
            source = CorrelatedSource(times, self._past.read, self._past.unsearchable)
            self._recorded_rules = {**self._prepared, **self.correlator.rules}
            self.correlator.sources[self.source.name] = source

    def with_rules(self, rules: Sequence[PreparedRule], correlator: Correlator | None = None) -> Detector:
        """Return a detector of other rules; this one stays as it is for whoever is using it."""
        return Detector(
            source=self.source,
            events=self.events,
            alert_store=self.alert_store,
            rules=rules,
            origin=self.origin,
            silence=self.silence,
            router=self.router,
            correlator=correlator,
            before=self,
        )

    def undecided_rules(self, now: datetime) -> tuple[UndecidedRule, ...]:
        """Return the rules that left events undecided within a day, and were not rewritten since."""
        return self._undecided_rules.lately((prepared.rule for prepared in self.rules), now)

    def detect(self, window: Window, scope: DetectionScope = ALL_RULES) -> WindowResult:
        """Search a window, record its hits and open their alerts.

        An index that makes the search fail is left out; the result names it, and its time span must be searched again.
        Raises a ClusterError if the cluster or the state answers nothing, and Stopped if the search is to end. Any
        other error is raised as Unexpected: the window becomes a gap, and the search of others goes on.
        """
        try:
            return self._detect(window, scope)
        except (ClusterError, Stopped):
            raise
        except Exception as error:
            raise Unexpected(f"searching {window} failed: {reason_of(error)}; it is searched again") from error

    def _detect(self, window: Window, scope: DetectionScope) -> WindowResult:
        failing: dict[str, str] = {}
        for _ in range(_ATTEMPTS):
            try:
                return self._detect_without(failing, window, scope)
            except (Incomplete, Refused) as error:
                further = {index: reason for index, reason in error.indices.items() if index not in failing}
                if not further:
                    raise
                log.warning("index.failed", source=self.source.name, window=str(window), error=str(error))
                failing |= further
        return self._detect_without(failing, window, scope)

    def _detect_without(self, failing: Mapping[str, str], window: Window, scope: DetectionScope) -> WindowResult:
        with self._planner.open(window, scope, failing) as opened:
            if isinstance(opened, EmptyWindow):
                return self._detect_nothing(window, scope, opened)
            unread = unread_window(opened, window, scope.memory)
            if self.origin == "live" and (scope.memory is None or scope.memory.searched is None):
                self._recall_undecided(window)
            recorder, problems = self.recorder(scope), WindowProblems()
            try:
                base_hits = self._search(unread.opened, scope, recorder, problems)
            except Stopped:
                raise
            except Exception:
                recorder.flush()  # hits of the part that was searched open their alerts, and the window becomes a gap
                raise
            incomplete = (
                self._prepared.keys() if opened.unsearchable else {search.plan.rule.id for search in problems.failed}
            )
            searched = SearchedWindow(window=window, base_hits=base_hits, incomplete=frozenset(incomplete))
            self._correlate(searched, scope, recorder)
            if problems.undecided:
                self._undecided_rules.add((event.rule for event in problems.undecided), self.events.now())
            for failure in refused_rules(recorder, opened.plans):
                problems.add_failure(failure)
        result = replace(
            problems.result(window),
            indices=opened.mapping.indices,
            unsearchable=opened.unsearchable,
            faults=source_faults(self.source, opened.mapping),
            counts=unread.counts,
            fetched=opened.fetched.count,
            searched=unread.searched,
            base_hits=tuple(base_hits) if self.correlator is None else (),
        )
        return counted(result, recorder)

    def _detect_nothing(self, window: Window, scope: DetectionScope, opened: EmptyWindow) -> WindowResult:
        """Record a window in which no index matches: hosts are silent in it, unless an index could not be searched."""
        recorder = self.recorder(scope)
        incomplete = frozenset(self._prepared) if opened.unsearchable else frozenset()
        self._correlate(SearchedWindow(window=window, base_hits=(), incomplete=incomplete), scope, recorder)
        return counted(WindowResult(window=window, unsearchable=opened.unsearchable), recorder)

    def _search(
        self, opened: OpenWindow, scope: DetectionScope, recorder: HitRecorder, problems: WindowProblems
    ) -> Sequence[BaseHit]:
        """Search a window by every rule, and return the hits that correlations count."""
        base_hits: list[BaseHit] = []
        for outcome in self._searcher.search(self._context(opened), opened.plans):
            scope.check()
            match outcome:
                case SearchFinding(plan=plan, finding=finding):
                    log.warning("finding.reported", rule=plan.rule.title, code=finding.code, finding=finding.message)
                case FailedSearch(plan=plan, error=error):
                    log.warning("rule.failed", rule=plan.rule.title, error=str(error))
                    problems.add_failure(outcome)
                case Unreadable(events=events):
                    self._report(events, problems)
                case MatchedPage(plan=plan):
                    confirmed = self._confirm(outcome, opened.context, scope.since.get(plan.rule.id))
                    problems.undecided.extend(confirmed.undecided)
                    self._report(confirmed.unreadable, problems)
                    recorder.add(plan.rule, confirmed.hits)
                    recorder.add_undecided(plan.rule, confirmed.undecided_hits)
                    base_hits.extend(confirmed.base_hits)
        return base_hits

    def _correlate(self, searched: SearchedWindow, scope: DetectionScope, recorder: HitRecorder) -> None:
        """Record the hits of a window, and what its base hits complete."""
        correlator = self.correlator
        if correlator is None:
            recorder.flush()
            return
        try:
            live = self.origin == "live"
            completion = correlator.completed(self.source.name, searched) if live else correlator.past(searched)
            for rule, hits in correlator.grouped(completion.hits, scope.since):
                recorder.add(rule, hits)
            recorder.flush()
            correlator.resolve(completion)
        except BaseException:
            correlator.forget()  # what it returned is not recorded
            raise

    @property
    def past(self) -> PastReader:
        """What reads base hits of windows that may have been searched before."""
        return self._past

    def find_base_hits(
        self, window: Window, scope: DetectionScope, without: Mapping[str, str] | None = None
    ) -> Iterator[BaseHit | UndecidedEvent | UnsearchableIndex]:
        """Yield the base hits of a window, undecided events, and indices that were not searched; nothing is written.

        Raises as `find_hits` does.
        """
        with self._planner.open(window, scope, without) as opened:
            yield from opened.unsearchable
            if isinstance(opened, EmptyWindow):
                return
            for confirmed in self._confirmed_pages(opened):
                yield from confirmed.base_hits
                yield from confirmed.undecided

    def _recall_undecided(self, window: Window) -> None:
        """Remember the undecided events of a window that another process recorded, and count them."""
        rules = (prepared.rule for prepared in self.rules)
        recalled = tuple(recall_undecided(self.alert_store, rules, window, self._undecided))
        if recalled:
            self._undecided_rules.add(recalled, self.events.now())
            log.info("undecided.recalled", source=self.source.name, events=len(recalled))

    def find_hits(
        self, window: Window, scope: DetectionScope = ALL_RULES
    ) -> Iterator[GroupedHit | UndecidedEvent | UnsearchableIndex]:
        """Yield the hits of a window, undecided events, and indices that were not searched; nothing is written.

        Raises the ClusterError that kept the window from being searched completely, and Stopped if the search is to
        end.
        """
        with self._planner.open(window, scope) as opened:
            yield from opened.unsearchable
            if isinstance(opened, EmptyWindow):
                return
            for confirmed in self._confirmed_pages(opened):
                yield from confirmed.hits
                yield from confirmed.undecided

    def _confirmed_pages(self, opened: OpenWindow) -> Iterator[Confirmed]:
        """Yield the confirmed pages of every rule; raises the error of a rule whose search fails."""
        for outcome in self._searcher.search(self._context(opened), opened.plans):
            if isinstance(outcome, FailedSearch):
                raise outcome.error
            if isinstance(outcome, MatchedPage):
                yield self._confirm(outcome, opened.context, None)

    def _context(self, opened: OpenWindow) -> SearchContext:
        return replace(opened.context, undecided=self._undecided)

    def _confirm(self, page: MatchedPage, context: SearchContext, since: datetime | None) -> Confirmed:
        confirmer = Confirmer(
            event_reader=context.event_reader,
            time_field=self.source.time_field,
            undecided=self._undecided,
            pause=context.pause,
        )
        return confirmer.confirm(page, self._prepared[page.plan.rule.id], since)

    def recorder(self, scope: DetectionScope) -> HitRecorder:
        """Create what records the hits of a window, those of correlations too."""
        return HitRecorder(
            alert_store=self.alert_store,
            prepared=self._recorded_rules,
            origin=self.origin,
            silence=self.silence,
            scope=scope,
            now=self.events.now,
            router=self.router,
            source=self.source.name,
        )

    def _report(self, events: Sequence[UnreadableEvent], problems: WindowProblems) -> None:
        for event in events:
            problems.unreadable.setdefault((event.index, event.id), event)
            report_unreadable(event, self._unreadable)
