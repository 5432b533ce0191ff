"""Each rule asked of the cluster by its own query, many to a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watcher.errors import ClusterError, Incomplete
from watcher.model import Found, Plan
from watcher.ports import Ask, Page, Snapshot

PAGE = 500  # documents of one page
TOGETHER = 10  # rules of one request


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A page of documents that a rule's query returned."""

    plan: Plan
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A rule whose search was not answered whole: its window must be searched again."""

    plan: Plan
    error: ClusterError


@dataclass(slots=True)
class _Progress:
    """How far the pages of one plan have come."""

    plan: Plan
    total: int = 0
    read: int = 0
    after: tuple[object, ...] | None = None


def search(snapshot: Snapshot, plans: Sequence[Plan], *, page: int = PAGE) -> Iterator[Matched | Failed]:
    """Ask every plan's query of a snapshot; pages come as they are answered.

    A plan whose documents do not add up to the count of its first page is Failed. Raises a ClusterError where the
    cluster answers nothing at all.
    """
    for start in range(0, len(plans), TOGETHER):
        yield from _together(snapshot, [_Progress(plan=plan) for plan in plans[start : start + TOGETHER]], page)


def _together(snapshot: Snapshot, waiting: list[_Progress], page: int) -> Iterator[Matched | Failed]:
    while waiting:
        asks = [Ask(query=one.plan.query, size=page, after=one.after) for one in waiting]
        unfinished = []
        for one, answer in zip(waiting, snapshot.search(asks), strict=True):
            if isinstance(answer, ClusterError):
                yield Failed(plan=one.plan, error=answer)
                continue
            if answer.found:
                yield Matched(plan=one.plan, found=answer.found)
            _note(one, answer)
            if answer.after is not None and one.read < one.total:
                unfinished.append(one)
            elif one.read != one.total:
                yield Failed(
                    plan=one.plan,
                    error=Incomplete(f"`{one.plan.rule.title}`: {one.read} of {one.total} events were read"),
                )
        waiting = unfinished


def _note(one: _Progress, answer: Page) -> None:
    if answer.total is not None:
        one.total = answer.total
    one.read += len(answer.found)
    one.after = answer.after
