"""A point in time over an index pattern: every search on it sees the same documents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from watcher.cluster.answer_shapes import (
    PageAnswer,
    PageAnswers,
    ReturnedDocument,
    SearchAnswer,
    SearchSummary,
    decode,
    malformed,
)
from watcher.cluster.cluster_faults import cluster_error
from watcher.cluster.engine_transport import Answer, EngineDialect, Transport
from watcher.cluster.page_limits import PageLimit
from watcher.cluster.page_parts import read_in_parts
from watcher.cluster.search_answers import lost_index, page_answer, partial_answer
from watcher.cluster.slice_aggregations import (
    TIMESTAMP,
    IndexBuckets,
    read_steps,
    read_tallies,
    span_clause,
    step_aggregations,
    tally_aggregations,
    time_clause,
)
from watcher.errors import ClusterError, Refused, Undecodable
from watcher.model import EventDocument, UnsearchableIndex, Window
from watcher.ports import EventSpan, Page, SearchRequest, Snapshot, Tallies

KEEP_ALIVE = "2m"
"""How long the engine keeps a snapshot after the last search on it."""

CONCURRENT = 2
"""How many searches of a batch the engine runs at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTarget:
    """The pattern and window that a snapshot shows, and its time field."""

    pattern: str
    window: Window
    time_field: str
    without: Mapping[str, str] = field(default_factory=dict)  # indices to leave out, each with the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PointInTime:
    """A snapshot that the engine holds."""

    transport: Transport
    dialect: EngineDialect
    target: SnapshotTarget
    timeout: timedelta  # of one search
    unsearchable: tuple[UnsearchableIndex, ...] = ()  # that are left out
    spans: Sequence[EventSpan] | None = None  # that are shown; None: the entire window
    ids: list[str] = field(repr=False)  # the engine may change the id with every answer; the last id is valid
    limit: PageLimit = field(default_factory=PageLimit, repr=False)

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Return many pages with one request; a query that fails does not affect the others."""
        if not requests:
            return []
        outcomes = self._search([replace(request, size=min(request.size, self.limit.most)) for request in requests])
        return self.search(requests) if self.limit.learn(outcomes) else outcomes

    def _search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        answer = self._send(requests)
        if 200 <= answer.status < 300:
            try:
                responses = self._responses(answer, len(requests))
            except Undecodable:
                if len(requests) == 1:
                    return [self._in_parts(requests[0])]
                return self._halves(requests)
            length = _content_length(answer) if len(requests) == 1 else 0
            return [
                self._outcome(request, response, length) for request, response in zip(requests, responses, strict=True)
            ]
        error = lost_index(cluster_error(answer, self._doing), answer)
        if not isinstance(error, Refused):
            raise error
        # One query that cannot be parsed, or too long a request, makes the engine refuse the entire batch.
        if len(requests) == 1:
            return [error]
        return self._halves(requests)

    def _responses(self, answer: Answer, count: int) -> Sequence[PageAnswer]:
        """Return the answers to some searches.

        Raises Malformed where there are not as many as searches, Undecodable where they cannot be decoded.
        """
        responses = decode(answer, PageAnswers, self._doing).responses
        if len(responses) != count:
            raise malformed(self._doing, f"{len(responses)} answers to {count} searches")
        return responses

    def _halves(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        half = len(requests) // 2
        return [*self.search(requests[:half]), *self.search(requests[half:])]

    def _send(self, requests: Sequence[SearchRequest]) -> Answer:
        lines: list[Mapping[str, Any]] = []
        for request in requests:
            lines += [{}, self._body(request)]
        rounds = math.ceil(len(requests) / CONCURRENT)
        params = {"max_concurrent_searches": str(CONCURRENT)}
        timeout = self.timeout * (rounds + 1)  # the engine times out first, and reports it
        return self.transport.request("POST", "/_msearch", params=params, body=lines, timeout=timeout)

    def _in_parts(self, request: SearchRequest) -> Page | ClusterError:
        """Read a page that cannot be decoded in smaller and smaller parts, until each undecodable event is identified.

        Raises Undecodable where even the list of its ids cannot be decoded: then no event is the cause.
        """
        listing = self._send([replace(request, only=(), computed=())])
        if not 200 <= listing.status < 300:
            return lost_index(cluster_error(listing, self._doing), listing)
        (response,) = self._responses(listing, 1)
        outcome = self._outcome(request, response, 0)
        if isinstance(outcome, ClusterError):
            return outcome
        listed = response.hits.hits if response.hits is not None else []
        parts = read_in_parts(request, listed, self._part)
        if isinstance(parts, ClusterError):
            return parts
        return replace(outcome, documents=parts.documents, unreadable=parts.unreadable)

    def _part(self, request: SearchRequest) -> Page | ClusterError:
        """Return one page, or the error in its place, also Undecodable."""
        answer = self._send([request])
        if not 200 <= answer.status < 300:
            return lost_index(cluster_error(answer, self._doing), answer)
        try:
            (response,) = self._responses(answer, 1)
        except Undecodable as error:
            return error
        return self._outcome(request, response, 0)

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Count the window's events by steps of time."""
        return read_steps(self._aggregate(step_aggregations(self.target.time_field, step)), self._doing)

    def tallies(self, step: timedelta) -> Tallies:
        """Tally the window's events by index and steps of time."""
        summary = self._aggregate(tally_aggregations(self.target.time_field, step))
        return read_tallies(summary.aggregation("indices", IndexBuckets, self._doing), self._doing)

    def limited_to(self, spans: Sequence[EventSpan]) -> Snapshot:
        """Show the events of some spans only."""
        return replace(self, spans=tuple(spans))

    def probe(self) -> None:
        """Search as little as shows whether every index answers; raises the error of those that do not."""
        self._summarise({"sort": self._sort(), "terminate_after": 1})

    def _aggregate(self, aggregations: Mapping[str, Any]) -> SearchSummary:
        """Return the complete answer to a search for aggregations of the window's events."""
        return self._summarise({"aggs": aggregations})

    def _summarise(self, more: Mapping[str, Any]) -> SearchSummary:
        """Return the complete answer to a search that returns no events."""
        body = {
            "pit": {"id": self.ids[-1], "keep_alive": KEEP_ALIVE},
            "query": {"bool": {"filter": self._filters()}},
            "size": 0,
            "track_total_hits": False,
            "timeout": self._timeout(),
            **more,
        }
        answer = self.transport.request("POST", "/_search", body=body, timeout=self.timeout * 2)
        if answer.status != 200:
            raise lost_index(cluster_error(answer, self._doing), answer)
        response = decode(answer, SearchSummary, self._doing)
        if response.pit_id:
            self.ids[:] = [response.pit_id]
        lacking = partial_answer(response, self._doing)
        if lacking is not None:
            raise lacking
        return response

    def _timeout(self) -> str:
        return f"{max(1, round(self.timeout.total_seconds() * 1000))}ms"

    def _filters(self) -> list[Mapping[str, Any]]:
        """Return the clauses for the events that this snapshot shows."""
        time_field = self.target.time_field
        window = time_clause(time_field, self.target.window)
        return [window] if self.spans is None else [window, span_clause(time_field, self.spans)]

    @property
    def _doing(self) -> str:
        return f"searching `{self.target.pattern}`"

    def _body(self, request: SearchRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "pit": {"id": self.ids[-1], "keep_alive": KEEP_ALIVE},
            "query": {"bool": {"filter": [*self._filters(), request.query]}},
            "sort": self._sort(),
            "size": request.size,
            "track_total_hits": request.after is None,
            "timeout": self._timeout(),
            "_source": _source(request.only),
        }
        if request.computed:
            body["fields"] = list(request.computed)
        return body if request.after is None else body | {"search_after": list(request.after)}

    def _sort(self) -> list[Mapping[str, Any]]:
        # Milliseconds, also of `date_nanos`: else indices of both kinds do not sort together, and a cursor in
        # milliseconds comes before the very event that it was taken from.
        by_time: dict[str, Any] = {"order": "asc", "numeric_type": "date", "unmapped_type": "date"}
        if self.target.time_field != TIMESTAMP:
            by_time["missing"] = 0  # events that lack it come first: the default is a time that no cursor can have
        return [{self.target.time_field: by_time}, *({name: "asc"} for name in self.dialect.tie_breakers)]

    def _outcome(self, request: SearchRequest, response: PageAnswer, length: int) -> Page | ClusterError:
        result = page_answer(response, self._doing)
        if isinstance(result, ClusterError):
            return result
        if result.pit_id:
            self.ids[:] = [result.pit_id]
        return partial_answer(result, self._doing) or _page(request, result, length, self._doing)


def _source(only: tuple[str, ...] | None) -> bool | list[str]:
    """Return the `_source` parameter; an empty list would mean the entire `_source`."""
    if only is None:
        return True
    return list(only) or False


def _content_length(answer: Answer) -> int:
    text = answer.headers.get("content-length", "")
    return int(text) if text.isdecimal() else len(answer.raw or b"")  # a long answer has no such header


def _page(request: SearchRequest, result: SearchAnswer, length: int, doing: str) -> Page:
    listed = result.hits.hits
    full = len(listed) == request.size
    if request.after is None and result.hits.total is None:
        raise malformed(doing, "no number of events")
    if full and listed and not listed[-1].sort:
        raise malformed(doing, "an event without its sort values")
    return Page(
        documents=tuple(map(_document, listed)),
        total=result.hits.total.value if request.after is None and result.hits.total is not None else None,
        after=tuple(listed[-1].sort) if full and listed else None,
        took=result.took / 1000,
        length=length,
    )


def _document(hit: ReturnedDocument) -> EventDocument:
    computed = {path: tuple(values) for path, values in hit.fields.items()} if hit.fields else {}
    return EventDocument(index=hit.index, id=hit.id, event=hit.source, computed=computed)
