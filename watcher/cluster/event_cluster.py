"""The Events door: the cluster that holds the events."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from watcher.cluster.cluster_faults import cluster_error
from watcher.cluster.event_volumes import read_counts, read_volumes
from watcher.cluster.index_mappings import LENIENT, read_index_mapping
from watcher.cluster.mapping_versions import Version, read_version
from watcher.cluster.snapshot import SnapshotTarget, open_snapshot
from watcher.cluster.transport import Answer, Dialect, Transport
from watcher.errors import Forbidden
from watcher.model import Window
from watcher.ports import EventVolume, IndexMapping, Server, Snapshot

_REMEMBERED = 8  # sets of facts


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCluster:
    """The events of one cluster, over a wire to it."""

    about: Server
    transport: Transport
    dialect: Dialect
    timeout: timedelta  # of one search
    _known: dict[tuple[str, tuple[str, ...]], tuple[Version, IndexMapping]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def server(self) -> Server:
        """Tell what answers."""
        return self.about

    def now(self) -> datetime:
        """Tell the cluster's time: in seconds, or where the user may not monitor, as a search sees it."""
        health = self.transport.request("GET", "/_cat/health", params={"h": "epoch", "format": "json"})
        if health.status == 200:
            return datetime.fromtimestamp(int(health.body[0]["epoch"]), tz=UTC)
        error = cluster_error(health, "reading the cluster's time")
        if not isinstance(error, Forbidden):
            raise error
        return _now_of_a_search(self.transport, error)

    def mapping(self, pattern: str, paths: Sequence[str]) -> IndexMapping:
        """Read how the paths are mapped in the indices of a pattern, unless nothing has changed since the last time."""
        key = (pattern, tuple(paths))
        version = read_version(self.transport, pattern)  # before the facts: what changes meanwhile is read again
        kept = self._known.get(key)
        if kept is not None and kept[0] == version:
            return kept[1]
        mapping = read_index_mapping(self.transport, self.about, pattern, paths)
        if version is not None and version.keys() >= set(mapping.indices):
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = (version, mapping)
        return mapping

    def open(self, pattern: str, window: Window, *, time_field: str) -> AbstractContextManager[Snapshot]:
        """Open a snapshot, closed again on leaving."""
        view = SnapshotTarget(pattern=pattern, window=window, time_field=time_field)
        return open_snapshot(self.transport, self.dialect, view, self.timeout)

    def count(self, pattern: str, windows: Sequence[Window], *, time_field: str) -> Sequence[int]:
        """Count the events of each of some windows, in one request."""
        return read_counts(self.transport, pattern, windows, time_field)

    def volumes(self, pattern: str, window: Window, *, time_field: str) -> Sequence[EventVolume]:
        """Count the events of each channel, and of each event id in it, in one search."""
        return read_volumes(self.transport, self.about, pattern, window, time_field)


def _now_of_a_search(transport: Transport, error: Forbidden) -> datetime:
    """Read `now` as the bound of a range over whatever indices the user may read."""
    now = {"date_range": {"field": "@timestamp", "ranges": [{"from": "now"}]}}
    body = {"size": 0, "query": {"match_none": {}}, "aggs": {"now": now}}
    answer: Answer = transport.request("POST", "/_search", params=LENIENT, body=body)
    found = answer.body.get("aggregations") if answer.status == 200 else None
    if not found:
        raise error
    return datetime.fromtimestamp(found["now"]["buckets"][0]["from"] / 1000, tz=UTC)
