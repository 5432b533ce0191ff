"""Each rule asked of the cluster by its own query, many to a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from watcher.errors import ClusterError, Incomplete, TooSlow
from watcher.model import EventDocument, Query, QueryPlan
from watcher.ports import Page, SearchRequest, Snapshot
from watcher.search.outcomes import FailedSearch, MatchedPage, Unreadable

__all__ = ["PAGE", "TOGETHER", "FailedSearch", "MatchedPage", "OutOfTime", "search_by_query"]

PAGE = 500  # documents of one page
TOGETHER = 10  # queries of one request


class OutOfTime(TooSlow):
    """The turn of a rule's query did not come in time."""


@dataclass(slots=True)
class _RuleSearch:
    """A plan and what came of its queries so far."""

    plan: QueryPlan
    seen: set[tuple[str, str]] = field(default_factory=set)  # index and `_id`, where several queries are asked
    failed: bool = False

    def matched(self, found: tuple[EventDocument, ...]) -> Iterator[MatchedPage]:
        """Give a page, without what another query of the plan gave already."""
        if self.plan.parts:
            found = tuple(one for one in found if (one.index, one.id) not in self.seen)
            self.seen.update((one.index, one.id) for one in found)
        if found:
            yield MatchedPage(plan=self.plan, found=found)

    def lost(self, error: ClusterError) -> Iterator[FailedSearch]:
        """Say once that the plan failed."""
        if not self.failed:
            self.failed = True
            yield FailedSearch(plan=self.plan, error=error)


@dataclass(slots=True)
class _PartProgress:
    """How far the pages of one query have come."""

    asked: _RuleSearch
    query: Query
    computed: tuple[str, ...]
    total: int = 0
    read: int = 0
    after: tuple[object, ...] | None = None

    def note(self, answer: Page) -> None:
        """Count what a page brought."""
        if answer.total is not None:
            self.total = answer.total
        self.read += answer.count
        self.after = answer.after


def search_by_query(
    snapshot: Snapshot,
    plans: Sequence[QueryPlan],
    *,
    page: int = PAGE,
    until: float = inf,
    seconds: Callable[[], float] = lambda: 0.0,
) -> Iterator[MatchedPage | FailedSearch | Unreadable]:
    """Ask every plan's query of a snapshot, or its parts; pages come as they are answered, each document once.

    A plan whose documents do not add up to the count of its first page is Failed, and so are those whose turn has not
    come when the clock `seconds` passes `until`. Raises a ClusterError where the cluster answers nothing at all.
    """
    waiting = [
        _PartProgress(asked=asked, query=query, computed=_computed(asked.plan))
        for asked in map(_RuleSearch, plans)
        for query in asked.plan.parts or (asked.plan.query,)
    ]
    for start in range(0, len(waiting), TOGETHER):
        if seconds() > until:
            late = OutOfTime(f"the time for one window is up, {start} of {len(waiting)} queries were asked")
            for one in waiting[start:]:
                yield from one.asked.lost(late)
            return
        yield from _together(snapshot, waiting[start : start + TOGETHER], page)


def _computed(plan: QueryPlan) -> tuple[str, ...]:
    """Give the paths of a plan that are computed for each search."""
    return tuple(dict.fromkeys(path for use in plan.fields for path in use.computed))


def _together(
    snapshot: Snapshot, waiting: list[_PartProgress], page: int
) -> Iterator[MatchedPage | FailedSearch | Unreadable]:
    while waiting:
        requests = [
            SearchRequest(query=one.query, size=page, after=one.after, computed=one.computed) for one in waiting
        ]
        unfinished = []
        for one, answer in zip(waiting, snapshot.search(requests), strict=True):
            if isinstance(answer, ClusterError):
                yield from one.asked.lost(answer)
                continue
            yield from one.asked.matched(answer.found)
            if answer.unreadable:
                yield Unreadable(events=answer.unreadable)
            one.note(answer)
            if answer.after is not None and one.read < one.total:
                unfinished.append(one)
            elif one.read != one.total:
                title = one.asked.plan.rule.title
                yield from one.asked.lost(Incomplete(f"`{title}`: {one.read} of {one.total} events were read"))
        waiting = unfinished
