"""The EventSource port on one cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from watcher.cluster.answer_shapes import SearchSummary, decode, malformed, shaped
from watcher.cluster.cluster_faults import cluster_error
from watcher.cluster.cluster_shapes import Health, NowBuckets
from watcher.cluster.engine_transport import EngineDialect, Transport
from watcher.cluster.index_mappings import LENIENT, read_index_mapping
from watcher.cluster.mapping_versions import Version, incarnations, listed_shards, read_version
from watcher.cluster.open_snapshot import open_snapshot
from watcher.cluster.pattern_memory import PatternMemory
from watcher.cluster.search_reach import SearchReach, read_reach
from watcher.cluster.snapshot import SnapshotTarget
from watcher.cluster.written_bytes import read_written
from watcher.errors import Forbidden
from watcher.model import Window
from watcher.ports import IndexMapping, Server, Snapshot, WrittenBytes

_CACHED = 8  # mappings


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCluster:
    """The events of one cluster, over one transport."""

    engine: Server
    transport: Transport
    dialect: EngineDialect
    timeout: timedelta  # of one search
    _cached: dict[tuple[str, tuple[str, ...], frozenset[str]], tuple[Version, IndexMapping]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _results: dict[tuple[str, tuple[str, ...]], IndexMapping] = field(default_factory=dict, repr=False, compare=False)

    _memories: dict[str, PatternMemory] = field(default_factory=dict, repr=False, compare=False)  # by pattern

    def now(self) -> datetime:
        """Return the cluster's time: in seconds, or where the user may not monitor, that of a search."""
        health = self.transport.request("GET", "/_cat/health", params={"h": "epoch", "format": "json"})
        doing = "reading the cluster's time"
        if health.status == 200:
            listed = decode(health, list[Health], doing)
            if not listed:
                raise malformed(doing, "an empty list")
            return datetime.fromtimestamp(listed[0].epoch, tz=UTC)
        error = cluster_error(health, doing)
        if not isinstance(error, Forbidden):
            raise error
        return _now_of_a_search(self.transport, error)

    def written_bytes(self, pattern: str) -> WrittenBytes | None:
        """Return what the cluster of a pattern wrote; None where that is unknown."""
        return None if ":" in pattern else read_written(self.transport)

    def mapping(self, pattern: str, paths: Sequence[str], *, without: Collection[str] = ()) -> IndexMapping:
        """Return how the paths are mapped in the indices of a pattern; read again only where versions changed."""
        version = read_version(self.transport, pattern)  # before the mapping: what changes meanwhile is read again
        key = (pattern, tuple(paths))
        previous = self._results.get(key)
        absent = {*without, *(entry.index for entry in (previous.refused if previous is not None else ()))}
        mapping = self._mapping(pattern, tuple(paths), version, frozenset(absent))
        reach = self._reach(pattern, version, mapping)
        refused = {entry.index for entry in reach.refused}
        result = replace(
            mapping,
            indices=tuple(index for index in mapping.indices if index not in refused),
            refused=reach.refused,
            filled=reach.filled,
        )
        if previous != result:
            if len(self._results) >= _CACHED:
                self._results.clear()
            self._results[key] = result
        return self._results.get(key, result)  # the same object: plans are compared by it

    def _reach(self, pattern: str, version: Version | None, mapping: IndexMapping) -> SearchReach:
        """Return what a search reaches; asked again where versions or the shards that a snapshot opens changed."""
        memory = self._memory(pattern)
        reach = memory.reach(version)
        if reach is None:
            listed = {**dict.fromkeys(mapping.indices), **mapping.shards, **listed_shards(version)}
            reach = read_reach(self.transport, pattern, listed)
            memory.note_reach(version, reach)
        return reach

    def _memory(self, pattern: str) -> PatternMemory:
        return self._memories.setdefault(pattern, PatternMemory())

    def _mapping(
        self, pattern: str, paths: tuple[str, ...], version: Version | None, without: frozenset[str]
    ) -> IndexMapping:
        key = (pattern, paths, without)
        cached = self._cached.get(key)
        if cached is not None and cached[0] == version:
            return cached[1]
        mapping = read_index_mapping(self.transport, self.engine, pattern, paths)
        mapping = replace(mapping, incarnations=incarnations(version))
        # an index that cannot be searched may be missing, and no version changes when it answers again
        if version is not None and set(mapping.indices) <= version.keys() <= {
            *mapping.indices,
            *mapping.closed,
            *without,
        }:
            if len(self._cached) >= _CACHED:
                self._cached.clear()
            self._cached[key] = (version, mapping)
        return mapping

    def open(
        self, pattern: str, window: Window, *, time_field: str, without: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Snapshot]:
        """Open a snapshot, closed again on leaving."""
        target = SnapshotTarget(pattern=pattern, window=window, time_field=time_field, without=without or {})
        return open_snapshot(self.transport, self.dialect, target, self.timeout, self._memory(pattern))


def _now_of_a_search(transport: Transport, error: Forbidden) -> datetime:
    """Return the time of a search over the indices that the user may read."""
    now = {"date_range": {"field": "@timestamp", "ranges": [{"from": "now"}]}}
    body = {"size": 0, "query": {"match_none": {}}, "aggs": {"now": now}}
    answer = transport.request("POST", "/_search", params=LENIENT, body=body)
    if answer.status != 200:
        raise error
    doing = "reading the cluster's time from a search"
    aggregations = decode(answer, SearchSummary, doing).aggregations
    if not aggregations:
        raise error
    buckets = shaped(aggregations.get("now"), NowBuckets, doing).buckets
    if not buckets:
        raise error
    return datetime.fromtimestamp(buckets[0].moment / 1000, tz=UTC)
