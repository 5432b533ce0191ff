"""Opening and closing a point in time; a pattern without indices has an empty snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from watcher.cluster.answer_shapes import OpenedSnapshot, SearchSummary, decode, malformed
from watcher.cluster.cluster_faults import reason
from watcher.cluster.engine_transport import Answer, EngineDialect, Transport, quote_path
from watcher.cluster.index_mappings import LENIENT
from watcher.cluster.pattern_memory import PatternMemory
from watcher.cluster.searchable_pattern import SearchablePattern
from watcher.cluster.snapshot import KEEP_ALIVE, PointInTime, SnapshotTarget
from watcher.errors import ClusterError
from watcher.model import UnsearchableIndex
from watcher.ports import EventSpan, Page, SearchRequest, Snapshot, Tallies

COPY = "watcher"
"""The name by which the engine picks a copy of each shard: the same one each time, as copies refresh at other times."""

_log = structlog.get_logger(__name__)


@contextmanager
def open_snapshot(
    transport: Transport, dialect: EngineDialect, target: SnapshotTarget, timeout: timedelta, memory: PatternMemory
) -> Iterator[Snapshot]:
    """Open a snapshot of what can be searched, and close it on leaving, whatever happened in between.

    The indices that are left out are named by the snapshot. Each snapshot is probed, unless `memory` knows that its
    indices answer.
    """
    pattern = SearchablePattern(transport, target.pattern, dict(target.without))
    snapshot = _open_searchable(dialect, target, timeout, memory, pattern)
    if snapshot is None:
        yield EmptySnapshot(unsearchable=pattern.unsearchable)
        return
    try:
        yield snapshot
    except ClusterError:
        memory.forget()
        raise
    finally:
        _close(transport, dialect, snapshot.ids[-1])


def _open_searchable(
    dialect: EngineDialect,
    target: SnapshotTarget,
    timeout: timedelta,
    memory: PatternMemory,
    pattern: SearchablePattern,
) -> PointInTime | None:
    """Return a snapshot that answers; None where there is no index, or none that can be searched."""
    transport = pattern.transport
    while opened := _open(transport, dialect, pattern):
        memory.next_snapshot(None if pattern.unsearchable else opened.shards)
        snapshot = PointInTime(
            transport=transport,
            dialect=dialect,
            target=target,
            timeout=timeout,
            unsearchable=pattern.unsearchable,
            ids=[opened.id],
            limit=memory.limit,
        )
        if memory.answers:
            return snapshot
        try:
            snapshot.probe()
        except ClusterError as error:
            _close(transport, dialect, snapshot.ids[-1])
            if not pattern.leave_out(error.indices):
                raise
        else:
            memory.probed()
            return snapshot
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A point in time."""

    id: str
    shards: int | None  # None: the engine does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptySnapshot:
    """The snapshot of a pattern without indices that can be searched."""

    unsearchable: tuple[UnsearchableIndex, ...] = ()

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Return empty pages."""
        return [Page(documents=(), total=0 if request.after is None else None, after=None) for request in requests]

    def counts(self, step: timedelta) -> Mapping[datetime, int]:  # noqa: ARG002 - the port's name
        """Return no counts."""
        return {}

    def tallies(self, step: timedelta) -> Tallies:  # noqa: ARG002 - the port's name
        """Return no tallies."""
        return {}

    def limited_to(self, spans: Sequence[EventSpan]) -> Snapshot:  # noqa: ARG002 - the port's name
        """Return the same: there is nothing to leave out."""
        return self


def _open(transport: Transport, dialect: EngineDialect, pattern: SearchablePattern) -> _Opened | None:
    """Open a point in time; None where the pattern has no index that can be opened."""
    params = {**LENIENT, **dialect.snapshot_params, "keep_alive": KEEP_ALIVE, "preference": COPY}

    def request(expression: str) -> Answer:
        return transport.request("POST", f"/{quote_path(expression)}/{dialect.snapshot_path}", params=params)

    answer = pattern.answer(request)
    if answer is None or (answer.status == 400 and _no_index(transport, pattern.expression)):
        return None  # OpenSearch answers with an error where there is nothing to open
    doing = f"opening a point in time on `{pattern.pattern}`"
    opened = decode(answer, OpenedSnapshot, doing)
    snapshot = opened.id if dialect.snapshot_key == "id" else opened.pit_id
    if not snapshot:
        raise malformed(doing, f"no `{dialect.snapshot_key}`")
    return _Opened(id=snapshot, shards=None if opened.shards is None else opened.shards.total)


def _no_index(transport: Transport, pattern: str) -> bool:
    answer = transport.request("POST", f"/{quote_path(pattern)}/_search", params={**LENIENT, "size": "0"})
    return answer.status == 200 and decode(answer, SearchSummary, f"searching `{pattern}`").shards.total == 0


def _close(transport: Transport, dialect: EngineDialect, snapshot: str) -> None:
    body = {dialect.snapshot_key: snapshot if dialect.snapshot_key == "id" else [snapshot]}
    try:
        answer = transport.request("DELETE", dialect.close_path, body=body)
    except ClusterError as error:
        _log.debug("snapshot.close_failed", error=str(error))
        return
    if answer.status != 200:
        _log.debug("snapshot.close_failed", status=answer.status, error=reason(answer.body))
