"""Each rule asked of the cluster by its own query, many to a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from watcher.errors import ClusterError, Incomplete, TooSlow
from watcher.model import Found, Plan, Query
from watcher.ports import Ask, Page, Snapshot
from watcher.search.outcome import Failed, Matched

__all__ = ["PAGE", "TOGETHER", "Failed", "Late", "Matched", "search"]

PAGE = 500  # documents of one page
TOGETHER = 10  # queries of one request


class Late(TooSlow):
    """The turn of a rule's query did not come in time."""


@dataclass(slots=True)
class _Asked:
    """A plan and what came of its queries so far."""

    plan: Plan
    seen: set[tuple[str, str]] = field(default_factory=set)  # index and `_id`, where several queries are asked
    failed: bool = False

    def matched(self, found: tuple[Found, ...]) -> Iterator[Matched]:
        """Give a page, without what another query of the plan gave already."""
        if self.plan.parts:
            found = tuple(one for one in found if (one.index, one.id) not in self.seen)
            self.seen.update((one.index, one.id) for one in found)
        if found:
            yield Matched(plan=self.plan, found=found)

    def lost(self, error: ClusterError) -> Iterator[Failed]:
        """Say once that the plan failed."""
        if not self.failed:
            self.failed = True
            yield Failed(plan=self.plan, error=error)


@dataclass(slots=True)
class _Progress:
    """How far the pages of one query have come."""

    asked: _Asked
    query: Query
    computed: tuple[str, ...]
    total: int = 0
    read: int = 0
    after: tuple[object, ...] | None = None

    def note(self, answer: Page) -> None:
        """Count what a page brought."""
        if answer.total is not None:
            self.total = answer.total
        self.read += len(answer.found)
        self.after = answer.after


def search(
    snapshot: Snapshot,
    plans: Sequence[Plan],
    *,
    page: int = PAGE,
    until: float = inf,
    seconds: Callable[[], float] = lambda: 0.0,
) -> Iterator[Matched | Failed]:
    """Ask every plan's query of a snapshot, or its parts; pages come as they are answered, each document once.

    A plan whose documents do not add up to the count of its first page is Failed, and so are those whose turn has not
    come when the clock `seconds` passes `until`. Raises a ClusterError where the cluster answers nothing at all.
    """
    waiting = [
        _Progress(asked=asked, query=query, computed=_computed(asked.plan))
        for asked in map(_Asked, plans)
        for query in asked.plan.parts or (asked.plan.query,)
    ]
    for start in range(0, len(waiting), TOGETHER):
        if seconds() > until:
            late = Late(f"the time for one window is up, {start} of {len(waiting)} queries were asked")
            for one in waiting[start:]:
                yield from one.asked.lost(late)
            return
        yield from _together(snapshot, waiting[start : start + TOGETHER], page)


def _computed(plan: Plan) -> tuple[str, ...]:
    """Give the paths of a plan that are computed for each search."""
    return tuple(dict.fromkeys(path for use in plan.fields for path in use.computed))


def _together(snapshot: Snapshot, waiting: list[_Progress], page: int) -> Iterator[Matched | Failed]:
    while waiting:
        asks = [Ask(query=one.query, size=page, after=one.after, computed=one.computed) for one in waiting]
        unfinished = []
        for one, answer in zip(waiting, snapshot.search(asks), strict=True):
            if isinstance(answer, ClusterError):
                yield from one.asked.lost(answer)
                continue
            yield from one.asked.matched(answer.found)
            one.note(answer)
            if answer.after is not None and one.read < one.total:
                unfinished.append(one)
            elif one.read != one.total:
                title = one.asked.plan.rule.title
                yield from one.asked.lost(Incomplete(f"`{title}`: {one.read} of {one.total} events were read"))
        waiting = unfinished
