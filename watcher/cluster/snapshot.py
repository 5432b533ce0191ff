"""A point in time over an index pattern: every search on it sees the same documents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from watcher.cluster.cluster_faults import accept, cluster_error, reason
from watcher.cluster.index_mappings import LENIENT
from watcher.cluster.pieces import read_in_pieces
from watcher.cluster.transport import Answer, Dialect, Transport, quote_path
from watcher.errors import ClusterError, Incomplete, Refused, TooSlow, Undecodable
from watcher.model import EventDocument, Window
from watcher.ports import Page, SearchRequest, Snapshot

KEEP_ALIVE = "2m"
"""How long the engine keeps a snapshot after the last search on it."""

CONCURRENT = 2
"""How many searches of a batch the engine runs at once."""

FORMAT = "strict_date_optional_time_nanos"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTarget:
    """What a snapshot shows: the pattern and the window on its time field."""

    pattern: str
    window: Window
    time_field: str


@contextmanager
def open_snapshot(
    transport: Transport, dialect: Dialect, view: SnapshotTarget, timeout: timedelta
) -> Iterator[Snapshot]:
    """Open a snapshot and close it on leaving, whatever happened in between."""
    first = _open(transport, dialect, view.pattern)
    if not first:
        yield EmptySnapshot()
        return
    snapshot = PointInTime(transport=transport, dialect=dialect, view=view, timeout=timeout, ids=[first])
    try:
        yield snapshot
    finally:
        _close(transport, dialect, snapshot.ids[-1])


class EmptySnapshot:
    """The snapshot of a pattern without indices."""

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Find nothing, completely."""
        return [Page(found=(), total=0 if ask.after is None else None, after=None) for ask in requests]

    def counts(self, step: timedelta) -> Mapping[datetime, int]:  # noqa: ARG002 - the door's name
        """Count nothing."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PointInTime:
    """A snapshot that the engine holds."""

    transport: Transport
    dialect: Dialect
    view: SnapshotTarget
    timeout: timedelta  # of one search
    ids: list[str] = field(repr=False)  # the engine may rename it with every answer; the last one counts

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Ask for many pages in one request; a query that fails does so alone."""
        if not requests:
            return []
        try:
            answer = self._ask(requests)
        except Undecodable:
            if len(requests) == 1:
                return [self._in_pieces(requests[0])]
            return self._halves(requests)
        if 200 <= answer.status < 300:
            length = int(answer.headers.get("content-length", "0")) if len(requests) == 1 else 0
            responses = answer.body["responses"]
            return [self._outcome(ask, told, length) for ask, told in zip(requests, responses, strict=True)]
        error = _lost(cluster_error(answer, self._doing), answer)
        if not isinstance(error, Refused):
            raise error
        # One query that cannot even be read, or too long a request, makes the engine refuse the whole batch.
        if len(requests) == 1:
            return [error]
        return self._halves(requests)

    def _halves(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        half = len(requests) // 2
        return [*self.search(requests[:half]), *self.search(requests[half:])]

    def _ask(self, requests: Sequence[SearchRequest]) -> Answer:
        lines: list[Mapping[str, Any]] = []
        for ask in requests:
            lines += [{}, self._body(ask)]
        rounds = math.ceil(len(requests) / CONCURRENT)
        params = {"max_concurrent_searches": str(CONCURRENT)}
        patience = self.timeout * (rounds + 1)  # the engine gives up first, and says so
        return self.transport.request("POST", "/_msearch", params=params, body=lines, patience=patience)

    def _in_pieces(self, ask: SearchRequest) -> Page | ClusterError:
        """Read a page that cannot be decoded in smaller and smaller pieces, until what cannot be is named.

        Raises Undecodable where even the list of its ids cannot be decoded: then it is no event's fault.
        """
        listing = self._ask([replace(ask, only=(), computed=())])
        if not 200 <= listing.status < 300:
            return _lost(cluster_error(listing, self._doing), listing)
        (told,) = listing.body["responses"]
        outcome = self._outcome(ask, told, 0)
        if isinstance(outcome, ClusterError):
            return outcome
        parts = read_in_pieces(ask, told["hits"]["hits"], self._piece)
        if isinstance(parts, ClusterError):
            return parts
        return replace(outcome, found=parts.found, unreadable=parts.unreadable)

    def _piece(self, ask: SearchRequest) -> Page | ClusterError:
        """Return one page, or the error in its place, among them that it cannot be decoded."""
        try:
            answer = self._ask([ask])
        except Undecodable as error:
            return error
        if not 200 <= answer.status < 300:
            return _lost(cluster_error(answer, self._doing), answer)
        return self._outcome(ask, answer.body["responses"][0], 0)

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Count the window's events by steps of time."""
        interval = f"{round(step.total_seconds() * 1000)}ms"
        histogram = {"field": self.view.time_field, "fixed_interval": interval, "min_doc_count": 1}
        body = {
            "pit": {"id": self.ids[-1], "keep_alive": KEEP_ALIVE},
            "query": {"bool": {"filter": [self._span()]}},
            "size": 0,
            "track_total_hits": False,
            "timeout": self._timeout(),
            "aggs": {"steps": {"date_histogram": histogram}},
        }
        answer = self.transport.request("POST", "/_search", body=body, patience=self.timeout * 2)
        if answer.status != 200:
            raise _lost(cluster_error(answer, self._doing), answer)
        told = answer.body
        if renamed := told.get("pit_id"):
            self.ids[:] = [renamed]
        lacking = _partial(told, self._doing)
        if lacking is not None:
            raise lacking
        buckets = told.get("aggregations", {}).get("steps", {}).get("buckets", ())
        return {_EPOCH + timedelta(milliseconds=bucket["key"]): bucket["doc_count"] for bucket in buckets}

    def _timeout(self) -> str:
        return f"{max(1, round(self.timeout.total_seconds() * 1000))}ms"

    def _span(self) -> Mapping[str, Any]:
        window = self.view.window
        return {
            "range": {
                self.view.time_field: {
                    "gte": format_bound(window.start),
                    "lt": format_bound(window.end),
                    "format": FORMAT,
                }
            }
        }

    @property
    def _doing(self) -> str:
        return f"searching `{self.view.pattern}`"

    def _body(self, ask: SearchRequest) -> dict[str, Any]:
        time = self.view.time_field
        # Milliseconds, also of `date_nanos`: else indices of both kinds do not sort together, and a cursor in
        # milliseconds comes before the very event that it was taken from.
        by_time = {time: {"order": "asc", "numeric_type": "date", "unmapped_type": "date"}}
        body: dict[str, Any] = {
            "pit": {"id": self.ids[-1], "keep_alive": KEEP_ALIVE},
            "query": {"bool": {"filter": [self._span(), ask.query]}},
            "sort": [by_time, *({name: "asc"} for name in self.dialect.tie_breakers)],
            "size": ask.size,
            "track_total_hits": ask.after is None,
            "timeout": self._timeout(),
            "_source": _source(ask.only),
        }
        if ask.computed:
            body["fields"] = list(ask.computed)
        return body if ask.after is None else body | {"search_after": list(ask.after)}

    def _outcome(self, ask: SearchRequest, told: Mapping[str, Any], length: int) -> Page | ClusterError:
        status = told.get("status", 200)
        if "error" in told or not 200 <= status < 300:
            answer = Answer(status=status, body=told)
            return _lost(cluster_error(answer, self._doing), answer)
        if renamed := told.get("pit_id"):
            self.ids[:] = [renamed]
        return _partial(told, self._doing) or _page(ask, told, length)


def format_bound(moment: datetime) -> str:
    """Write a time as the engines read it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _open(transport: Transport, dialect: Dialect, pattern: str) -> str:
    """Open a point in time and give its id; an empty one where the pattern has no index."""
    params = {**LENIENT, **dialect.snapshot_params, "keep_alive": KEEP_ALIVE}
    answer = transport.request("POST", f"/{quote_path(pattern)}/{dialect.snapshot_path}", params=params)
    if answer.status == 400 and _no_index(transport, pattern):
        return ""  # OpenSearch stumbles over having nothing to open
    doing = f"opening a point in time on `{pattern}`"
    return str(accept(answer, doing).body[dialect.snapshot_key])


def _no_index(transport: Transport, pattern: str) -> bool:
    answer = transport.request("POST", f"/{quote_path(pattern)}/_search", params={**LENIENT, "size": "0"})
    return answer.status == 200 and answer.body["_shards"]["total"] == 0


def _close(transport: Transport, dialect: Dialect, snapshot: str) -> None:
    body = {dialect.snapshot_key: snapshot if dialect.snapshot_key == "id" else [snapshot]}
    try:
        answer = transport.request("DELETE", dialect.close_path, body=body)
    except ClusterError as error:
        _log.debug("snapshot.close_failed", error=str(error))
        return
    if answer.status != 200:
        _log.debug("snapshot.close_failed", status=answer.status, error=reason(answer.body))


def _source(only: tuple[str, ...] | None) -> bool | list[str]:
    """Return what is asked for of `_source`; an empty list would mean all of it."""
    if only is None:
        return True
    return list(only) or False


def _lost(error: ClusterError, answer: Answer) -> ClusterError:
    """Take a 404 for a lost snapshot: an index that was there when it was opened is gone."""
    if isinstance(error, Refused) and answer.status == 404:
        return Incomplete(f"{error}; search it again")
    return error


def _partial(told: Mapping[str, Any], doing: str) -> ClusterError | None:
    """Tell what an answer lacks, if anything."""
    shards, clusters = told.get("_shards", {}), told.get("_clusters", {})
    if shards.get("failed"):
        # Judged by the shards' own words: a query that one index cannot take is refused for good.
        error = cluster_error(Answer(status=500, body={"error": {"failures": shards.get("failures", [])}}), doing)
        lacking = Incomplete(f"{error}; {shards['failed']} of {shards['total']} shards failed")
        return error if isinstance(error, Refused) else lacking
    if told.get("timed_out"):
        return TooSlow(f"{doing}: it ran out of time; search a shorter window, or raise `timeout`")
    absent = sum(clusters.get(key, 0) for key in ("skipped", "partial", "failed"))
    if absent:
        return Incomplete(f"{doing}: {absent} of {clusters.get('total')} clusters did not answer in full")
    return None


def _page(ask: SearchRequest, told: Mapping[str, Any], length: int) -> Page:
    hits = told["hits"]
    listed = hits["hits"]
    full = len(listed) == ask.size
    return Page(
        found=tuple(map(_found, listed)),
        total=hits["total"]["value"] if ask.after is None else None,
        after=tuple(listed[-1]["sort"]) if full and listed else None,
        took=told.get("took", 0) / 1000,
        length=length,
    )


def _found(hit: Mapping[str, Any]) -> EventDocument:
    computed = {path: tuple(values) for path, values in hit["fields"].items()} if "fields" in hit else {}
    return EventDocument(index=hit["_index"], id=hit["_id"], event=hit.get("_source", {}), computed=computed)
