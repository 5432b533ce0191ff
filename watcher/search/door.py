"""One door to every search of a window: plans go in, pages of hits come out, whichever way is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from watcher.clock import SystemClock
from watcher.errors import ClusterError, Refused, TooSlow
from watcher.match.document import Outline
from watcher.match.many import RuleSet, Watched
from watcher.model import Finding, Plan, Query, Severity
from watcher.ports import Clock, Page, Snapshot
from watcher.search.outcome import Failed, Matched, Noted, Outcome
from watcher.search.pace import Pace, Paced
from watcher.search.planner import Choice, Way, choose
from watcher.search.query import Late, search
from watcher.search.scan import Pass, one
from watcher.search.watched import computed_fields, watched_events, watched_fields
from watcher.settings import Source
from watcher.translate.bounds import EVERYTHING
from watcher.translate.lens import Lens
from watcher.translate.plan import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one window shows, and how its events are to be looked at."""

    snapshot: Snapshot
    translator: Translator  # of the source, as its indices are mapped at the moment
    lens: Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class _Narrow:
    """What a pass reads, as long as rules and mapping stay as they are."""

    translator: Translator
    rules: frozenset[str]
    query: Query
    only: tuple[str, ...] | None
    outline: Outline


class Searcher:
    """Searches the windows of one source by the same rules, again and again; several threads may share it."""

    def __init__(self, source: Source, rules: Sequence[Watched], *, clock: Clock | None = None) -> None:
        self._source = source
        self._clock = clock or SystemClock()
        self._paces = {way: Pace(self._clock) for way in Way}
        self._rules = RuleSet(rules, source.fields)
        self._narrow: _Narrow | None = None

    def renewed(self, rules: Sequence[Watched]) -> Searcher:
        """Give the searcher of other rules; those that stay are not compiled again, and its pace is kept."""
        made = Searcher(self._source, (), clock=self._clock)
        made._paces, made._rules = self._paces, self._rules.renewed(rules)
        return made

    def search(self, sight: Sight, plans: Sequence[Plan]) -> Iterator[Outcome]:
        """Give the pages of some plans, all of which are of the rules that this was made of.

        What is Matched holds at least the events of the page that the rule means. Raises a ClusterError where the
        cluster answers nothing at all.
        """
        if not plans:
            return
        until = self._clock.monotonic() + self._source.budget.total_seconds()
        query, scan = (
            replace(sight, snapshot=Paced(sight.snapshot, self._paces[way], until)) for way in (Way.QUERY, Way.SCAN)
        )
        if self._source.search == Way.QUERY:
            yield from self._by_query(query, plans, until)
            return
        try:
            job, first = self.begin(scan, plans)
        except Refused as error:
            yield from (Failed(plan=plan, error=error) for plan in plans)
            return
        if choose(self._source, events=first.total or 0, queries=_queries(plans)).way is Way.SCAN:
            yield from job.outcomes(first)
        else:
            yield from self._by_query(query, plans, until)

    def choice(self, sight: Sight, plans: Sequence[Plan]) -> tuple[Choice, Query]:
        """Tell which way a window would be searched, and what a pass would ask for."""
        job, first = self.begin(sight, plans)
        return choose(self._source, events=first.total or 0, queries=_queries(plans)), job.query

    def begin(self, sight: Sight, plans: Sequence[Plan]) -> tuple[Pass, Page]:
        """Make a pass over a window, and ask for its first page.

        Where the engine refuses to narrow it, every event of the window is asked for.
        """
        job = self._pass(sight, plans)
        try:
            return job, one(job.snapshot, job.first())
        except Refused:
            job = replace(job, query=EVERYTHING)
            return job, one(job.snapshot, job.first())

    def _pass(self, sight: Sight, plans: Sequence[Plan]) -> Pass:
        narrow = self._narrowed(sight.translator, plans)
        return Pass(
            snapshot=sight.snapshot,
            lens=sight.lens,
            rules=self._rules,
            plans={plan.rule.id: plan for plan in plans},
            query=narrow.query,
            only=narrow.only,
            outline=narrow.outline,
            computed=computed_fields(sight.translator),
            seconds=self._clock.monotonic,
        )

    def _narrowed(self, translator: Translator, plans: Sequence[Plan]) -> _Narrow:
        names = frozenset(plan.rule.id for plan in plans)
        known = self._narrow
        if known is None or known.translator is not translator or known.rules != names:
            rules = [plan.rule for plan in plans]
            fields = watched_fields(rules, translator)
            known = self._narrow = _Narrow(
                translator=translator,
                rules=names,
                query=watched_events(rules, translator),
                only=fields if self._source.fetch == "needed" else None,
                outline=Outline(fields),
            )
        return known

    def _by_query(self, sight: Sight, plans: Sequence[Plan], until: float) -> Iterator[Outcome]:
        unfit: list[Plan] = []
        for outcome in search(sight.snapshot, plans, until=until, seconds=self._clock.monotonic):
            if isinstance(outcome, Failed) and isinstance(outcome.error, Refused | TooSlow):
                unfit.append(outcome.plan)
                if not isinstance(outcome.error, Late):
                    yield Noted(plan=outcome.plan, finding=_unfit(outcome.plan, outcome.error))
            else:
                yield outcome
        if unfit:
            yield from self._scan_instead(sight, unfit)

    def _scan_instead(self, sight: Sight, plans: Sequence[Plan]) -> Iterator[Outcome]:
        """Scan for the rules that cannot be asked by their queries, or not in time: one pass does for any number.

        Their failure is no other rule's.
        """
        try:
            job, first = self.begin(sight, plans)
            yield from job.outcomes(first)
        except ClusterError as error:
            yield from (Failed(plan=plan, error=error) for plan in plans)


def _queries(plans: Sequence[Plan]) -> int:
    """Count what would be asked of the cluster for some plans."""
    return sum(len(plan.parts) or 1 for plan in plans)


def _unfit(plan: Plan, error: ClusterError) -> Finding:
    if isinstance(error, TooSlow):
        code, fix = "costly-query", "it is found by reading its log source's events; `search: scan` does so for all"
    else:
        code, fix = (
            "refused-query",
            "it is found by reading its log source's events; map the field alike in all indices",
        )
    return Finding(code=code, severity=Severity.WARNING, place=plan.rule.place, message=str(error), fix=fix)


__all__ = ["Failed", "Matched", "Noted", "Searcher", "Sight"]
