"""Search by query: one query for each rule, several in one request."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from watcher.errors import ClusterError, Incomplete, TooSlow
from watcher.model import EventDocument, Query, QueryPlan
from watcher.ports import Page, SearchRequest, Snapshot
from watcher.search.outcomes import FailedSearch, MatchedPage, Unreadable

__all__ = ["PAGE", "TOGETHER", "FailedSearch", "MatchedPage", "OutOfTime", "QueryPages", "search_by_query"]

PAGE = 500  # documents of one page
TOGETHER = 10  # queries of one request
_STEEP = 8  # how many times longer a page may be than the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPages:
    """How many documents the pages of a query have."""

    first: int = PAGE
    most: int = PAGE
    are_small: bool = False  # whether documents may be huge: only first pages share a request


class OutOfTime(TooSlow):
    """The time limit of the window passed before the rule's query was sent."""


@dataclass(slots=True)
class _RuleSearch:
    """A plan and the outcome of its queries so far."""

    plan: QueryPlan
    seen: set[tuple[str, str]] = field(default_factory=set)  # index and `_id`, if the plan has several queries
    failed: bool = False

    def matched(self, documents: tuple[EventDocument, ...]) -> Iterator[MatchedPage]:
        """Yield a page without the documents that another query of the plan returned."""
        if self.plan.parts:
            documents = tuple(document for document in documents if (document.index, document.id) not in self.seen)
            self.seen.update((document.index, document.id) for document in documents)
        if documents:
            yield MatchedPage(plan=self.plan, documents=documents)

    def fail(self, error: ClusterError) -> Iterator[FailedSearch]:
        """Yield the failure of the plan, once."""
        if not self.failed:
            self.failed = True
            yield FailedSearch(plan=self.plan, error=error)


@dataclass(slots=True)
class _QueryProgress:
    """How many pages of one query were read."""

    search: _RuleSearch
    query: Query
    computed: tuple[str, ...]
    total: int = 0
    read: int = 0
    after: tuple[object, ...] | None = None

    def count(self, page: Page) -> None:
        """Count a page."""
        if page.total is not None:
            self.total = page.total
        self.read += page.count
        self.after = page.after


def search_by_query(
    snapshot: Snapshot,
    plans: Sequence[QueryPlan],
    *,
    pages: QueryPages | None = None,
    is_time_up: Callable[[], bool] = lambda: False,
    computed: tuple[str, ...] = (),
) -> Iterator[MatchedPage | FailedSearch | Unreadable]:
    """Search by the query of every plan, or its parts, and yield pages as they arrive, each document once.

    A plan fails if its documents do not add up to the count of its first page, or if the time is up before its query
    is sent. `computed` are computed fields to read beside those of the plans. Raises a ClusterError if the cluster
    answers nothing at all.
    """
    waiting = [
        _QueryProgress(search=search, query=query, computed=_computed(search.plan, computed))
        for search in map(_RuleSearch, plans)
        for query in search.plan.parts or (search.plan.query,)
    ]
    for start in range(0, len(waiting), TOGETHER):
        if is_time_up():
            late = OutOfTime(f"the time for one window is up, {start} of {len(waiting)} queries were asked")
            for progress in waiting[start:]:
                yield from progress.search.fail(late)
            return
        yield from _search_together(snapshot, waiting[start : start + TOGETHER], pages or QueryPages())


def _computed(plan: QueryPlan, others: tuple[str, ...]) -> tuple[str, ...]:
    """Return the computed fields that are read with the documents of a plan."""
    return tuple(dict.fromkeys((*(path for use in plan.fields for path in use.computed), *others)))


def _search_together(
    snapshot: Snapshot, waiting: Sequence[_QueryProgress], pages: QueryPages
) -> Iterator[MatchedPage | FailedSearch | Unreadable]:
    """Search by some queries in one request for each round of pages; small pages only share the first."""
    unfinished = yield from _search_round(snapshot, waiting, pages.first)
    runs = [[progress] for progress in unfinished] if pages.are_small else [unfinished]
    for run in runs:
        size, remaining = pages.first, run
        while remaining:
            size = min(pages.most, _STEEP * size)
            remaining = yield from _search_round(snapshot, remaining, size)


def _search_round(
    snapshot: Snapshot, waiting: Sequence[_QueryProgress], page: int
) -> Generator[MatchedPage | FailedSearch | Unreadable, None, list[_QueryProgress]]:
    """Read the next page of each query, and return the queries that have more."""
    requests = [
        SearchRequest(query=progress.query, size=page, after=progress.after, computed=progress.computed)
        for progress in waiting
    ]
    unfinished = []
    for progress, answer in zip(waiting, snapshot.search(requests), strict=True):
        if isinstance(answer, ClusterError):
            yield from progress.search.fail(answer)
            continue
        yield from progress.search.matched(answer.documents)
        if answer.unreadable:
            yield Unreadable(events=answer.unreadable)
        progress.count(answer)
        if answer.after is not None and progress.read < progress.total:
            unfinished.append(progress)
        elif progress.read != progress.total:
            yield from progress.search.fail(_miscounted(progress))
    return unfinished


def _miscounted(progress: _QueryProgress) -> Incomplete:
    return Incomplete(f"`{progress.search.plan.rule.title}`: {progress.read} of {progress.total} events were read")
