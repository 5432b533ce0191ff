"""One door to every search of a window: plans go in, pages of hits come out, whichever way is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from watcher.clock import SystemClock
from watcher.errors import ClusterError, Refused, TooSlow
from watcher.match.flat_event import FieldFilter
from watcher.match.ruleset import CompiledRule, Ruleset
from watcher.model import Finding, Query, QueryPlan, Severity
from watcher.ports import Clock, Page, Snapshot
from watcher.search.event_selection import computed_fields, event_selection, needed_fields
from watcher.search.outcomes import FailedSearch, MatchedPage, SearchFinding, SearchOutcome, Unreadable
from watcher.search.planner import Strategy, StrategyChoice, choose_strategy
from watcher.search.query_strategy import OutOfTime, search_by_query
from watcher.search.scan_strategy import Scan, go_on, single_page
from watcher.search.throttle import Throttle, ThrottledSnapshot
from watcher.settings import Source
from watcher.translate.bounds import EVERYTHING
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchContext:
    """What one window shows, and how its events are to be looked at."""

    snapshot: Snapshot
    translator: Translator  # of the source, as its indices are mapped at the moment
    event_reader: EventReader
    pause: Callable[[], None] = go_on  # called before each event; raises where the search is to end


@dataclass(frozen=True, slots=True, kw_only=True)
class _ScanSelection:
    """What a pass reads, as long as rules and mapping stay as they are."""

    translator: Translator
    rules: frozenset[str]
    query: Query
    only: tuple[str, ...] | None
    field_filter: FieldFilter


class Searcher:
    """Searches the windows of one source by the same rules, again and again; several threads may share it."""

    def __init__(self, source: Source, rules: Sequence[CompiledRule], *, clock: Clock | None = None) -> None:
        self._source = source
        self._clock = clock or SystemClock()
        self._paces = {way: Throttle(self._clock) for way in Strategy}
        self._rules = Ruleset(rules, source.fields)
        self._narrow: _ScanSelection | None = None

    def with_rules(self, rules: Sequence[CompiledRule]) -> Searcher:
        """Give the searcher of other rules; those that stay are not compiled again, and its pace is kept."""
        made = Searcher(self._source, (), clock=self._clock)
        made._paces, made._rules = self._paces, self._rules.with_rules(rules)
        return made

    def search(self, context: SearchContext, plans: Sequence[QueryPlan]) -> Iterator[SearchOutcome]:
        """Give the pages of some plans, all of which are of the rules that this was made of.

        What is Matched holds at least the events of the page that the rule means. Raises a ClusterError where the
        cluster answers nothing at all.
        """
        if not plans:
            return
        until = self._clock.monotonic() + self._source.budget.total_seconds()
        query, scan = (
            replace(context, snapshot=ThrottledSnapshot(context.snapshot, self._paces[way], until))
            for way in (Strategy.QUERY, Strategy.SCAN)
        )
        if self._source.search == Strategy.QUERY:
            yield from self._by_query(query, plans, until)
            return
        try:
            job, first = self.begin(scan, plans)
        except Refused as error:
            yield from (FailedSearch(plan=plan, error=error) for plan in plans)
            return
        if choose_strategy(self._source, events=first.total or 0, queries=_queries(plans)).way is Strategy.SCAN:
            yield from job.outcomes(first)
        else:
            yield from self._by_query(query, plans, until)

    def choice(self, context: SearchContext, plans: Sequence[QueryPlan]) -> tuple[StrategyChoice, Query]:
        """Tell which way a window would be searched, and what a pass would ask for."""
        job, first = self.begin(context, plans)
        return choose_strategy(self._source, events=first.total or 0, queries=_queries(plans)), job.query

    def begin(self, context: SearchContext, plans: Sequence[QueryPlan]) -> tuple[Scan, Page]:
        """Make a pass over a window, and ask for its first page.

        Where the engine refuses to narrow it, every event of the window is asked for.
        """
        job = self._pass(context, plans)
        try:
            return job, single_page(job.snapshot, job.first())
        except Refused:
            job = replace(job, query=EVERYTHING)
            return job, single_page(job.snapshot, job.first())

    def _pass(self, context: SearchContext, plans: Sequence[QueryPlan]) -> Scan:
        narrow = self._narrowed(context.translator, plans)
        return Scan(
            snapshot=context.snapshot,
            event_reader=context.event_reader,
            rules=self._rules,
            plans={plan.rule.id: plan for plan in plans},
            query=narrow.query,
            only=narrow.only,
            field_filter=narrow.field_filter,
            identity=("@timestamp", self._source.time_field),
            computed=computed_fields(context.translator),
            seconds=self._clock.monotonic,
            pause=context.pause,
        )

    def _narrowed(self, translator: Translator, plans: Sequence[QueryPlan]) -> _ScanSelection:
        names = frozenset(plan.rule.id for plan in plans)
        known = self._narrow
        if known is None or known.translator is not translator or known.rules != names:
            rules = [plan.rule for plan in plans]
            fields = needed_fields(rules, translator)
            known = self._narrow = _ScanSelection(
                translator=translator,
                rules=names,
                query=event_selection(rules, translator),
                only=fields if self._source.fetch == "needed" else None,
                field_filter=FieldFilter(fields),
            )
        return known

    def _by_query(self, context: SearchContext, plans: Sequence[QueryPlan], until: float) -> Iterator[SearchOutcome]:
        unfit: list[QueryPlan] = []
        for outcome in search_by_query(context.snapshot, plans, until=until, seconds=self._clock.monotonic):
            if isinstance(outcome, FailedSearch) and isinstance(outcome.error, Refused | TooSlow):
                unfit.append(outcome.plan)
                if not isinstance(outcome.error, OutOfTime):
                    yield SearchFinding(plan=outcome.plan, finding=_unfit(outcome.plan, outcome.error))
            else:
                yield outcome
        if unfit:
            yield from self._scan_instead(context, unfit)

    def _scan_instead(self, context: SearchContext, plans: Sequence[QueryPlan]) -> Iterator[SearchOutcome]:
        """Scan for the rules that cannot be asked by their queries, or not in time: one pass does for any number.

        Their failure is no other rule's.
        """
        try:
            job, first = self.begin(context, plans)
            yield from job.outcomes(first)
        except ClusterError as error:
            yield from (FailedSearch(plan=plan, error=error) for plan in plans)


def _queries(plans: Sequence[QueryPlan]) -> int:
    """Count what would be asked of the cluster for some plans."""
    return sum(len(plan.parts) or 1 for plan in plans)


def _unfit(plan: QueryPlan, error: ClusterError) -> Finding:
    if isinstance(error, TooSlow):
        code, fix = "costly-query", "it is found by reading its log source's events; `search: scan` does so for all"
    else:
        code, fix = (
            "refused-query",
            "it is found by reading its log source's events; map the field alike in all indices",
        )
    return Finding(code=code, severity=Severity.WARNING, location=plan.rule.location, message=str(error), fix=fix)


__all__ = ["FailedSearch", "MatchedPage", "SearchContext", "SearchFinding", "Searcher", "Unreadable"]
