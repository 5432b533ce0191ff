"""One pass over a window's events: each is read once and held against every rule in memory.

What it asks of the cluster does not depend on the number of rules: the pages of the window's events, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import structlog

from watcher.errors import ClusterError, Incomplete
from watcher.match.event_view import EventView
from watcher.match.flat_event import FieldFilter
from watcher.match.ruleset import Ruleset
from watcher.model import EventDocument, Finding, Query, QueryPlan, Severity, UnreadableEvent
from watcher.ports import Page, SearchRequest, Snapshot
from watcher.search.outcomes import MatchedPage, SearchFinding, Unreadable, reason_of
from watcher.translate.mapped_events import EventReader

log = structlog.get_logger(__name__)

FIRST_PAGE = 500  # documents
MOST = 5_000  # documents of a page
_FEWEST = 100
_LENGTH = 6_000_000  # bytes that a page should come to
_KEPT = 500  # documents with hits that are kept before they are handed on
_SLOW = 0.5  # seconds that one event may take before the rule that it takes them is named


def go_on() -> None:
    """Let a pass go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A pass over the events of a window."""

    snapshot: Snapshot
    event_reader: EventReader
    rules: Ruleset
    plans: Mapping[str, QueryPlan]  # by rule id; rules without a plan are not asked for
    query: Query  # at least the events that any rule may match
    only: tuple[str, ...] | None  # the paths that are read; None: events are read whole
    field_filter: FieldFilter  # the paths that the rules look at
    identity: tuple[str, ...] = ("@timestamp",)  # what a hit needs beside them where its event cannot be read whole
    computed: tuple[str, ...] = ()
    seconds: Callable[[], float]  # a clock that never goes back
    pause: Callable[[], None] = go_on  # called before each event; raises where the pass is to end

    def first(self) -> SearchRequest:
        """Ask for the first page, which also tells how many events there are."""
        return SearchRequest(query=self.query, size=FIRST_PAGE, only=self.only, computed=self.computed)

    def pages(self, first: Page) -> Iterator[Page]:
        """Give all pages, the next one read while the last is worked on."""
        return _ahead(self.snapshot, self.first(), first)

    def outcomes(self, first: Page) -> Iterator[MatchedPage | SearchFinding | Unreadable]:
        """Give what the rules match, beginning with a first page that was read already.

        Raises Incomplete where the events that were read do not add up to the count of the first page.
        """
        held = _PageBuffer(self)
        read = 0
        for page in self.pages(first):
            read += page.count
            held.note(page.unreadable)
            began = self.seconds()
            for found in page.found:
                self.pause()
                held.take(found)
                ended = self.seconds()
                if ended - began > _SLOW:
                    yield from held.slow(found)
                    ended = self.seconds()
                began = ended
            if held.full:
                yield from held.out()
        yield from held.out()
        if held.unreadable:
            yield Unreadable(events=tuple(held.unreadable))
        if read != first.total:
            raise Incomplete(f"{read} of {first.total} events of the window were read; it is searched again")


def single_page(snapshot: Snapshot, ask: SearchRequest) -> Page:
    """Ask for one page, and raise what came in its place."""
    (answer,) = snapshot.search([ask])
    if isinstance(answer, ClusterError):
        raise answer
    return answer


def _ahead(snapshot: Snapshot, ask: SearchRequest, page: Page) -> Iterator[Page]:
    """Give page after page, the next one read while the last is worked on."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="page") as reader:
        while True:
            following: Future[Page] | None = None
            if page.after is not None:
                ask = replace(ask, after=page.after, size=_size(page))
                following = reader.submit(single_page, snapshot, ask)
            yield page
            if following is None:
                return
            page = following.result()


def _size(page: Page) -> int:
    """Tell how many documents the next page may have: about as many bytes as memory should hold."""
    if not page.length:
        return max(_FEWEST, len(page.found))
    size = len(page.found) * _LENGTH // page.length
    return max(_FEWEST, min(size, MOST, 2 * len(page.found)))


@dataclass(slots=True)
class _PageBuffer:
    """Documents that some rules match, until they are handed on together: each hand-over costs round trips."""

    job: Scan
    found: dict[str, list[EventDocument]] = field(default_factory=dict)  # by rule id
    count: int = 0
    unreadable: list[UnreadableEvent] = field(default_factory=list)

    def note(self, events: Sequence[UnreadableEvent]) -> None:
        """Note events that cannot be read."""
        self.unreadable.extend(events)

    @property
    def full(self) -> bool:
        """Tell whether it is time to hand on."""
        return self.count >= _KEPT

    def take(self, found: EventDocument) -> None:
        """Hold an event against the rules, and keep it where any matches."""
        matched = self._matched(found)
        if matched:
            self.count += 1
            for name in matched:
                self.found.setdefault(name, []).append(found)

    def _matched(self, found: EventDocument) -> Sequence[str]:
        job = self.job
        view = self._view(found)
        if view is None:
            return ()
        try:
            verdict = job.rules.verdict(view)
        except Exception:  # noqa: BLE001 - each rule is asked alone, and who confirms reports what is broken
            return [name for name in job.plans if self._may_match(name, view)]
        if not verdict.rules and not verdict.undecided:
            return ()
        # who confirms meets what is undecided again, and reports it
        return [rule.id for rule in (*verdict.rules, *verdict.undecided) if rule.id in job.plans]

    def _view(self, found: EventDocument) -> EventView | None:
        """Return the view of an event; None, and the event noted, where it has none."""
        try:
            return self.job.event_reader.view(found, self.job.field_filter)
        except Exception as error:  # noqa: BLE001 - attackers write events: one of them must not end the window
            self.note([UnreadableEvent(index=found.index, id=found.id, reason=reason_of(error))])
            return None

    def _may_match(self, name: str, view: EventView) -> bool:
        try:
            return self.job.rules.holds(name, view)
        except Exception:  # noqa: BLE001 - in doubt for it: who confirms meets the same, and reports it
            return True

    def slow(self, found: EventDocument) -> Iterator[SearchFinding]:
        """Name the rule that takes most of the time that an event takes."""
        view = self._view(found)  # once: of a huge event it takes longer than all rules together
        if view is None:
            return
        took: dict[str, float] = {}
        for name in self.job.plans:
            began = self.job.seconds()
            self._may_match(name, view)
            took[name] = self.job.seconds() - began
        longest = max(took, key=lambda name: took[name], default=None)
        if longest is not None and took[longest] > _SLOW / 2:  # else the machine was busy with something else
            plan = self.job.plans[longest]
            yield SearchFinding(plan=plan, finding=_slow(plan, found, took[longest]))

    def out(self) -> Iterator[MatchedPage]:
        """Hand on what is kept, whole documents."""
        held, self.found, self.count = self.found, {}, 0
        whole = {} if self.job.only is None else self._whole(held)
        for name, found in held.items():
            kept = tuple(whole.get((single_page.index, single_page.id), single_page) for single_page in found)
            yield MatchedPage(plan=self.job.plans[name], found=kept)

    def _whole(self, held: Mapping[str, Sequence[EventDocument]]) -> Mapping[tuple[str, str], EventDocument]:
        """Read whole what was read in part; an `_id` may stand in several indices, and an index in no cluster."""
        wanted = {(document.index, document.id) for documents in held.values() for document in documents}
        read: dict[tuple[str, str], EventDocument] = {}
        undecodable: set[tuple[str, str]] = set()
        for page in self._read_again(wanted, None):
            read.update(((found.index, found.id), found) for found in page.found)
            undecodable.update((event.index, event.id) for event in page.unreadable)
            self.note(page.unreadable)
        if undecodable:  # what cannot be read whole is handed on in part
            part = (*(self.job.only or ()), *self.job.identity)
            for page in self._read_again(undecodable, part):
                read.update(((found.index, found.id), found) for found in page.found)
        missing = wanted - read.keys() - undecodable
        if missing:
            raise Incomplete(f"{len(missing)} of {len(wanted)} events that matched could not be read again")
        return read

    def _read_again(self, wanted: AbstractSet[tuple[str, str]], only: tuple[str, ...] | None) -> Iterator[Page]:
        ids = sorted({name for _, name in wanted})
        if ids:
            ask = SearchRequest(query={"ids": {"values": ids}}, size=FIRST_PAGE, only=only, computed=self.job.computed)
            yield from _ahead(self.job.snapshot, ask, single_page(self.job.snapshot, ask))


def _slow(plan: QueryPlan, found: EventDocument, took: float) -> Finding:
    return Finding(
        code="slow-rule",
        severity=Severity.WARNING,
        location=plan.rule.location,
        message=f"it took {took:.1f} s to hold the rule against one event, `{found.id}` of `{found.index}`",
        fix="write its regular expressions without repetitions inside repetitions",
    )
