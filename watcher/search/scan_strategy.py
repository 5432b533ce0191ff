"""Search by scan: the events of a window are read once, page by page, and matched with every rule in memory.

The number of requests does not depend on the number of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import structlog

from watcher.errors import ClusterError, Incomplete, Undecided
from watcher.match.event_view import EventView
from watcher.match.flat_event import FieldFilter
from watcher.match.ruleset import Ruleset
from watcher.model import EventDocument, Finding, Query, QueryPlan, Severity, UnreadableEvent
from watcher.ports import Page, SearchRequest, Snapshot
from watcher.search.outcomes import MatchedPage, SearchFinding, Unreadable, reason_of
from watcher.search.page_sizes import FEW, PageSizes
from watcher.search.undecided_events import UndecidedEvents
from watcher.search.write_growth import Growth
from watcher.translate.mapped_events import EventReader

log = structlog.get_logger(__name__)

_BUFFERED = 500  # documents with hits that are buffered before they are yielded
_BUFFERED_LENGTH = 30_000_000  # bytes of such documents
_BUFFERED_FOR = 2.0  # seconds: while later events take long, the hits before them are recorded
_SLOW = 0.5  # seconds that one event may take before the slowest rule is reported
_MEASURED = 3  # such events of a window: each evaluates all its rules again


def keep_running() -> None:
    """Let a scan continue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan of the events of one window."""

    snapshot: Snapshot
    event_reader: EventReader
    rules: Ruleset
    plans: Mapping[str, QueryPlan]  # by rule id; rules without a plan are left out
    query: Query  # at least the events that any rule may match
    only: tuple[str, ...] | None  # the paths of `_source` that are read; None: all of it
    field_filter: FieldFilter  # the paths that the rules read
    identity: tuple[str, ...] = ("@timestamp",)  # what a hit needs beside them if its event cannot be read completely
    computed: tuple[str, ...] = ()  # computed fields that the rules read
    seconds: Callable[[], float]  # a monotonic clock
    sizes: PageSizes = field(default_factory=PageSizes)
    growth: Growth = Growth.UNKNOWN  # of the cluster since the last search
    undecided: UndecidedEvents = field(default_factory=UndecidedEvents)  # pairs that are not evaluated again
    pause: Callable[[], None] = keep_running  # called before each event; raises if the scan is to end

    def first_request(self) -> SearchRequest:
        """Return the request for the first page, which also counts the events."""
        return SearchRequest(
            query=self.query, size=self.sizes.first(self.growth), only=self.only, computed=self.computed
        )

    def pages(self, first: Page) -> Iterator[Page]:
        """Yield all pages; the next one is read while the last one is matched."""
        return _read_ahead(self.snapshot, self.first_request(), first, self.sizes)

    def outcomes(self, first: Page) -> Iterator[MatchedPage | SearchFinding | Unreadable]:
        """Yield the documents that rules match, from the first page on, which was read already.

        Raises Incomplete if the events that were read do not add up to the count of the first page.
        """
        matches = _MatchBuffer(self)
        read = 0
        for page in self.pages(first):
            read += page.count
            matches.add_unreadable(page.unreadable)
            length = page.length // max(1, page.count)
            began = self.seconds()
            for document in page.documents:
                self.pause()
                is_buffered = matches.add(document, length)
                ended = self.seconds()
                if ended - began > _SLOW and not matches.is_undecided(document):  # such rules are reported anyway
                    yield from matches.slowest_rule(document)
                    ended = self.seconds()
                began = ended
                if (is_buffered and matches.is_long) or matches.is_old(ended):
                    yield from matches.flush()
            if matches.is_full:
                yield from matches.flush()
        yield from matches.flush()
        if matches.unreadable:
            yield Unreadable(events=tuple(matches.unreadable))
        if read != first.total:
            raise Incomplete(f"{read} of {first.total} events of the window were read; it is searched again")
        self.sizes.finish_scan()


def read_page(snapshot: Snapshot, request: SearchRequest) -> Page:
    """Return one page; raises the error that came in its place."""
    (answer,) = snapshot.search([request])
    if isinstance(answer, ClusterError):
        raise answer
    return answer


def _read_ahead(snapshot: Snapshot, request: SearchRequest, page: Page, sizes: PageSizes) -> Iterator[Page]:
    """Yield page after page; the next one is read while the last one is used."""
    total = page.total or 0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="page") as reader:
        while True:
            following: Future[Page] | None = None
            size = sizes.following(page, request.size, total)
            if page.after is not None:
                request = replace(request, after=page.after, size=size)
                following = reader.submit(read_page, snapshot, request)
            yield page
            if following is None:
                return
            page = following.result()


@dataclass(slots=True)
class _MatchBuffer:
    """Documents that rules match, buffered because each page that is yielded costs round trips."""

    scan: Scan
    documents: dict[str, list[EventDocument]] = field(default_factory=dict)  # by rule id
    count: int = 0
    length: int = 0  # bytes of the documents, about
    since: float = 0.0  # when the first of them was added
    measured: int = 0  # events whose slowest rule was measured
    undecided: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)  # rule id → event → why
    unreadable: list[UnreadableEvent] = field(default_factory=list)

    def add_unreadable(self, events: Sequence[UnreadableEvent]) -> None:
        """Add events that cannot be read."""
        self.unreadable.extend(events)

    @property
    def is_full(self) -> bool:
        """Whether the buffer is to be flushed after a page."""
        return self.count >= _BUFFERED

    @property
    def is_long(self) -> bool:
        """Whether the buffer is to be flushed within a page: its documents are large, or read completely only then."""
        return self.length >= _BUFFERED_LENGTH or (self.scan.sizes.without_unread_fields and self.count >= FEW)

    def is_old(self, now: float) -> bool:
        """Whether the buffer has waited for long."""
        return self.count > 0 and now - self.since > _BUFFERED_FOR

    def is_undecided(self, document: EventDocument) -> bool:
        """Whether a rule left a buffered document undecided."""
        return any((document.index, document.id) in events for events in self.undecided.values())

    def add(self, document: EventDocument, length: int) -> bool:
        """Match an event of about a length with the rules; return whether it is buffered, for each that matches."""
        rule_ids = self._matching_rules(document)
        if not rule_ids:
            return False
        if not self.count:
            self.since = self.scan.seconds()
        self.count += 1
        self.length += length
        for rule_id in rule_ids:
            self.documents.setdefault(rule_id, []).append(document)
        return True

    def _matching_rules(self, document: EventDocument) -> Sequence[str]:
        scan = self.scan
        view = self._view(document)
        if view is None:
            return ()
        try:
            verdict = scan.rules.verdict(view, scan.undecided.versions(document))
        except Exception:  # noqa: BLE001 - each rule is evaluated alone, and confirmation reports what is broken
            return [rule_id for rule_id in scan.plans if self._may_match(rule_id, document, view)]
        if not verdict.rules and not verdict.undecided:
            return ()
        for rule_id, reason in verdict.reasons.items():  # confirmation reports it, and does not evaluate it again
            self._note_undecided(rule_id, document, reason)
        return [rule.id for rule in (*verdict.rules, *verdict.undecided) if rule.id in scan.plans]

    def _view(self, document: EventDocument) -> EventView | None:
        """Return the view of an event; None, and the event is unreadable, if it has none."""
        try:
            return self.scan.event_reader.view(document, self.scan.field_filter)
        except Exception as error:  # noqa: BLE001 - attackers write events: one of them must not end the window
            self.add_unreadable([UnreadableEvent(index=document.index, id=document.id, reason=reason_of(error))])
            return None

    def _note_undecided(self, rule_id: str, document: EventDocument, reason: str) -> None:
        self.undecided.setdefault(rule_id, {})[document.index, document.id] = reason

    def _may_match(self, rule_id: str, document: EventDocument, view: EventView) -> bool:
        try:
            return self.scan.rules.matches(rule_id, view)
        except Undecided as fault:
            self._note_undecided(rule_id, document, str(fault))
            return True
        except Exception:  # noqa: BLE001 - confirmation meets the same error, and reports it
            return True

    def slowest_rule(self, document: EventDocument) -> Iterator[SearchFinding]:
        """Yield a finding about the rule that takes most of the time that an event takes."""
        view = self._view(document)  # once: of a huge event it takes longer than all rules together
        if view is None or self.measured >= _MEASURED:
            return
        self.measured += 1
        seconds: dict[str, float] = {}
        for rule_id in self.scan.plans:
            began = self.scan.seconds()
            self._may_match(rule_id, document, view)
            seconds[rule_id] = self.scan.seconds() - began
        slowest = max(seconds, key=lambda rule_id: seconds[rule_id], default=None)
        if slowest is not None and seconds[slowest] > _SLOW / 2:  # else the machine was busy with something else
            plan = self.scan.plans[slowest]
            yield SearchFinding(plan=plan, finding=_slow_rule(plan, document, seconds[slowest]))

    def flush(self) -> Iterator[MatchedPage]:
        """Yield the buffered documents, read completely."""
        buffered, self.documents, self.count, self.length = self.documents, {}, 0, 0
        undecided, self.undecided = self.undecided, {}
        complete = {} if self.scan.only is None else self._read_completely(buffered)
        for rule_id, documents in buffered.items():
            replaced = tuple(complete.get((document.index, document.id), document) for document in documents)
            yield MatchedPage(plan=self.scan.plans[rule_id], documents=replaced, undecided=undecided.get(rule_id, {}))

    def _read_completely(
        self, buffered: Mapping[str, Sequence[EventDocument]]
    ) -> Mapping[tuple[str, str], EventDocument]:
        """Read documents of which only some fields were read; several indices may hold the same `_id`."""
        wanted = {(document.index, document.id) for documents in buffered.values() for document in documents}
        read: dict[tuple[str, str], EventDocument] = {}
        undecodable: set[tuple[str, str]] = set()
        for page in self._read_again(wanted, None):
            read.update(((document.index, document.id), document) for document in page.documents)
            undecodable.update((event.index, event.id) for event in page.unreadable)
            self.add_unreadable(page.unreadable)
        if undecodable:  # of these, the fields that rules and hits need are read
            part = (*(self.scan.only or ()), *self.scan.identity)
            for page in self._read_again(undecodable, part):
                read.update(
                    ((document.index, document.id), replace(document, is_partial=True)) for document in page.documents
                )
        missing = wanted - read.keys() - undecodable
        if missing:
            raise Incomplete(f"{len(missing)} of {len(wanted)} events that matched could not be read again")
        return read

    def _read_again(self, wanted: AbstractSet[tuple[str, str]], only: tuple[str, ...] | None) -> Iterator[Page]:
        ids = sorted({document_id for _, document_id in wanted})
        if ids:
            scan = self.scan
            size = scan.sizes.first(scan.growth)
            request = SearchRequest(query={"ids": {"values": ids}}, size=size, only=only, computed=scan.computed)
            yield from _read_ahead(scan.snapshot, request, read_page(scan.snapshot, request), scan.sizes)


def _slow_rule(plan: QueryPlan, document: EventDocument, seconds: float) -> Finding:
    return Finding(
        code="slow-rule",
        severity=Severity.WARNING,
        location=plan.rule.location,
        message=f"it took {seconds:.1f} s to evaluate the rule on one event, `{document.id}` of `{document.index}`",
        fix="write its regular expressions without repetitions inside repetitions",
    )
