"""Opening and closing a point in time; a pattern without indices has an empty snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog

from watcher.cluster.answer_shapes import SearchSummary, decode, malformed, shaped
from watcher.cluster.cluster_faults import accept, reason
from watcher.cluster.engine_transport import EngineDialect, Transport, quote_path
from watcher.cluster.index_mappings import LENIENT
from watcher.cluster.snapshot import KEEP_ALIVE, PointInTime, SnapshotTarget
from watcher.errors import ClusterError
from watcher.ports import EventSpan, Page, SearchRequest, Snapshot, Tallies

COPY = "watcher"
"""The name by which the engine picks a copy of each shard: the same one each time, as copies refresh at other times."""

_log = structlog.get_logger(__name__)


@contextmanager
def open_snapshot(
    transport: Transport, dialect: EngineDialect, target: SnapshotTarget, timeout: timedelta
) -> Iterator[Snapshot]:
    """Open a snapshot and close it on leaving, whatever happened in between."""
    first = _open(transport, dialect, target.pattern)
    if not first:
        yield EmptySnapshot()
        return
    snapshot = PointInTime(transport=transport, dialect=dialect, target=target, timeout=timeout, ids=[first])
    try:
        yield snapshot
    finally:
        _close(transport, dialect, snapshot.ids[-1])


class EmptySnapshot:
    """The snapshot of a pattern without indices."""

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


def _open(transport: Transport, dialect: EngineDialect, pattern: str) -> str:
    """Open a point in time and return its id; an empty string where the pattern has no index."""
    params = {**LENIENT, **dialect.snapshot_params, "keep_alive": KEEP_ALIVE, "preference": COPY}
    answer = transport.request("POST", f"/{quote_path(pattern)}/{dialect.snapshot_path}", params=params)
    if answer.status == 400 and _no_index(transport, pattern):
        return ""  # OpenSearch answers with an error where there is nothing to open
    doing = f"opening a point in time on `{pattern}`"
    snapshot = shaped(accept(answer, doing).body, dict[str, Any], doing).get(dialect.snapshot_key)
    if not isinstance(snapshot, str) or not snapshot:
        raise malformed(doing, f"no `{dialect.snapshot_key}`")
    return snapshot


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
