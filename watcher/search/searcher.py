"""The search of a window by plans, with the strategy that fits, and the other one for rules that it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from watcher.clock import SystemClock
from watcher.errors import ClusterError, Incomplete, Overloaded, Refused, TooSlow, Unreachable
from watcher.match.compiled_rule import CompiledRule
from watcher.match.flat_event import FieldFilter
from watcher.match.ruleset import Ruleset
from watcher.model import Finding, Query, QueryPlan, Severity
from watcher.ports import Clock, Page, Snapshot
from watcher.search.event_selection import computed_fields, event_selection, needed_fields, windows_paths
from watcher.search.outcomes import FailedSearch, MatchedPage, SearchFinding, SearchOutcome, Unreadable
from watcher.search.page_sizes import FEW, PageSizes
from watcher.search.planner import Strategy, StrategyChoice, choose_strategy
from watcher.search.query_strategy import OutOfTime, QueryPages, search_by_query
from watcher.search.scan_strategy import Scan, keep_running, read_page
from watcher.search.throttle import Throttle, ThrottledSnapshot
from watcher.search.undecided_events import UndecidedEvents
from watcher.search.write_growth import Growth
from watcher.settings import Source
from watcher.translate.bounds import EVERYTHING
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchContext:
    """The snapshot of one window, and how its events are read."""

    snapshot: Snapshot
    translator: Translator  # of the source, for the mapping of its indices
    event_reader: EventReader
    computed: tuple[str, ...] = ()  # computed fields that are read with every hit, beside those of the rules
    undecided: UndecidedEvents = field(default_factory=UndecidedEvents)  # pairs that are not evaluated again
    growth: Growth = Growth.UNKNOWN  # of the cluster since the last search
    pause: Callable[[], None] = keep_running  # called before each event; raises if the search is to end


@dataclass(frozen=True, slots=True, kw_only=True)
class _ScanSelection:
    """What a scan reads, as long as rules and mapping are the same."""

    translator: Translator
    plans: tuple[QueryPlan, ...]
    plans_by_rule: Mapping[str, QueryPlan]
    query: Query
    only: tuple[str, ...]
    field_filter: FieldFilter


class Searcher:
    """Searches windows of one source by the same rules; several threads may share it."""

    def __init__(self, source: Source, rules: Sequence[CompiledRule], *, clock: Clock | None = None) -> None:
        self._source = source
        self._clock = clock or SystemClock()
        self._throttles = {strategy: Throttle(self._clock) for strategy in Strategy}
        self._rules = Ruleset(rules, source.fields)
        self._sizes = PageSizes()
        self._selection: _ScanSelection | None = None

    def with_rules(self, rules: Sequence[CompiledRule]) -> Searcher:
        """Return a searcher for other rules; rules that stay are not compiled again, and the throttles are kept."""
        searcher = Searcher(self._source, (), clock=self._clock)
        searcher._throttles, searcher._sizes = self._throttles, self._sizes
        searcher._rules = self._rules.with_rules(rules)
        return searcher

    def search(self, context: SearchContext, plans: Sequence[QueryPlan]) -> Iterator[SearchOutcome]:
        """Yield the outcomes of some plans, all of which are of the searcher's rules.

        A MatchedPage holds at least the events of the page that the rule matches. Raises a ClusterError if the
        cluster answers nothing at all, or an index refuses even to be scanned: it names the index.
        """
        if context.growth is Growth.HUGE:
            self._sizes.start_small()
        try:
            yield from self._search(context, plans)
        except (Overloaded, TooSlow, Unreachable):
            self._sizes.start_small()
            raise

    def _search(self, context: SearchContext, plans: Sequence[QueryPlan]) -> Iterator[SearchOutcome]:
        if not plans:
            return
        until = self._clock.monotonic() + self._source.budget.total_seconds()
        query_context, scan_context = (
            replace(context, snapshot=ThrottledSnapshot(context.snapshot, self._throttles[strategy], until))
            for strategy in (Strategy.QUERY, Strategy.SCAN)
        )
        if self._source.search == Strategy.QUERY:
            yield from self._by_query(query_context, plans, until)
            return
        try:
            scan, first = self.begin_scan(scan_context, plans)
        except Refused as error:
            if error.indices:
                raise
            yield from (FailedSearch(plan=plan, error=error) for plan in plans)
            return
        choice = self._choice(context, plans, first)
        if choice.strategy is Strategy.SCAN:
            yield from scan.outcomes(first)
        else:
            yield from self._by_query(query_context, plans, until)

    def choose(self, context: SearchContext, plans: Sequence[QueryPlan]) -> tuple[StrategyChoice, Query]:
        """Return the strategy for a window, and the query of a scan."""
        scan, first = self.begin_scan(context, plans)
        return self._choice(context, plans, first), scan.query

    def _choice(self, context: SearchContext, plans: Sequence[QueryPlan], first: Page) -> StrategyChoice:
        return choose_strategy(
            self._source,
            events=first.total or 0,
            queries=_count_queries(plans),
            unread=len(context.translator.mapping.unread),
        )

    def begin_scan(self, context: SearchContext, plans: Sequence[QueryPlan]) -> tuple[Scan, Page]:
        """Return a scan of a window with its first page.

        If the engine refuses the query of the scan, every event of the window is read. If it refuses that too, the
        error names the indices that do.
        """
        scan = self._scan(context, plans)
        try:
            return scan, read_page(scan.snapshot, scan.first_request())
        except (Incomplete, Refused) as error:
            if not isinstance(error, Refused) and not error.indices:
                raise
            scan = replace(scan, query=EVERYTHING)
            return scan, read_page(scan.snapshot, scan.first_request())

    def _scan(self, context: SearchContext, plans: Sequence[QueryPlan]) -> Scan:
        selection = self._scan_selection(context.translator, plans)
        return Scan(
            snapshot=context.snapshot,
            event_reader=context.event_reader,
            rules=self._rules,
            plans=selection.plans_by_rule,
            query=selection.query,
            only=selection.only if self._reads_needed else None,
            field_filter=selection.field_filter,
            identity=("@timestamp", self._source.time_field),
            computed=computed_fields(context.translator),
            seconds=self._clock.monotonic,
            sizes=self._sizes,
            growth=context.growth,
            undecided=context.undecided,
            pause=context.pause,
        )

    @property
    def _reads_needed(self) -> bool:
        return self._source.fetch == "needed" or self._sizes.without_unread_fields

    def _scan_selection(self, translator: Translator, plans: Sequence[QueryPlan]) -> _ScanSelection:
        wanted = tuple(plans)
        selection = self._selection
        if selection is not None and selection.translator is translator and selection.plans == wanted:
            return selection
        by_rule = {plan.rule.id: plan for plan in plans}
        if (
            selection is None
            or selection.translator is not translator
            or selection.plans_by_rule.keys() != by_rule.keys()
        ):
            rules = [plan.rule for plan in plans]
            fields = needed_fields(rules, translator)
            selection = _ScanSelection(
                translator=translator,
                plans=wanted,
                plans_by_rule=by_rule,
                query=event_selection(rules, translator),
                only=(*fields, *windows_paths(rules, translator)),
                field_filter=FieldFilter(fields),
            )
        selection = self._selection = replace(selection, plans=wanted, plans_by_rule=by_rule)
        return selection

    def _by_query(self, context: SearchContext, plans: Sequence[QueryPlan], until: float) -> Iterator[SearchOutcome]:
        failed: list[QueryPlan] = []
        for outcome in search_by_query(
            context.snapshot,
            plans,
            pages=self._query_pages(context.growth),
            is_time_up=lambda: self._clock.monotonic() > until,
            computed=context.computed,
        ):
            if isinstance(outcome, FailedSearch) and (
                isinstance(outcome.error, Refused | TooSlow) or outcome.error.indices
            ):
                failed.append(outcome.plan)
                if not isinstance(outcome.error, OutOfTime):
                    yield SearchFinding(plan=outcome.plan, finding=_query_finding(outcome.plan, outcome.error))
            else:
                yield outcome
        if failed:
            yield from self._scan_instead(context, failed)

    def _query_pages(self, growth: Growth) -> QueryPages:
        """Return how many documents the pages of queries have: of all queries of a request together few, if small."""
        if self._sizes.are_small:
            return QueryPages(first=1, most=FEW, are_small=True)
        return QueryPages(first=self._sizes.first(growth))

    def _scan_instead(self, context: SearchContext, plans: Sequence[QueryPlan]) -> Iterator[SearchOutcome]:
        """Scan for rules whose queries are refused or too slow; if the scan fails, only these rules fail."""
        try:
            scan, first = self.begin_scan(context, plans)
            yield from scan.outcomes(first)
        except ClusterError as error:
            if error.indices:
                raise
            yield from (FailedSearch(plan=plan, error=error) for plan in plans)


def _count_queries(plans: Sequence[QueryPlan]) -> int:
    """Return the number of queries of some plans."""
    return len(plans) + sum([len(plan.parts) - 1 for plan in plans if plan.parts])


def _query_finding(plan: QueryPlan, error: ClusterError) -> Finding:
    if isinstance(error, TooSlow):
        code, fix = "costly-query", "it is found by reading its log source's events; `search: scan` does so for all"
    else:
        code, fix = (
            "refused-query",
            "it is found by reading its log source's events; map the field alike in all indices",
        )
    return Finding(code=code, severity=Severity.WARNING, location=plan.rule.location, message=str(error), fix=fix)


__all__ = ["FailedSearch", "MatchedPage", "SearchContext", "SearchFinding", "Searcher", "Unreadable"]
