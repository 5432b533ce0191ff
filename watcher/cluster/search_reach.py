"""What a search on a pattern reaches: engines leave out what the user may not read, and say nothing about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watcher.cluster.answer_shapes import Clusters, SearchSummary, TermBuckets, decode
from watcher.cluster.cluster_faults import cluster_error, reason
from watcher.cluster.engine_transport import Transport, quote_path
from watcher.cluster.index_mappings import LENIENT
from watcher.cluster.search_answers import response_error, several_answers
from watcher.errors import Forbidden
from watcher.model import UnsearchableIndex

_INDICES = {"terms": {"field": "_index", "size": 10_000}}
# One document of each shard is enough to know its index.
_BODY = {"size": 0, "track_total_hits": False, "terminate_after": 1, "aggs": {"indices": _INDICES}}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReach:
    """What a search on a pattern reaches, and what it leaves out without an error."""

    refused: tuple[UnsearchableIndex, ...] = ()
    filled: frozenset[str] = frozenset()  # indices that hold documents


def read_reach(transport: Transport, pattern: str, listed: Mapping[str, int | None]) -> SearchReach:
    """Return what a search on a pattern reaches.

    `listed` are the indices that the cluster lists, with the numbers of their shards, None where that is unknown.
    Raises Forbidden where no index of the pattern may be searched.
    """
    doing = f"searching `{pattern}`"
    answer = transport.request("POST", f"/{quote_path(pattern)}/_search", params=LENIENT, body=_BODY)
    if answer.status != 200:
        error = cluster_error(answer, doing)
        if isinstance(error, Forbidden):
            raise error
        return SearchReach()  # the search of the events reports what is wrong
    summary = decode(answer, SearchSummary, doing)
    buckets = summary.aggregation("indices", TermBuckets, doing)
    filled = frozenset(str(bucket.key) for bucket in buckets.buckets) if buckets else frozenset()
    absent = tuple(_absent_clusters(pattern, summary.clusters))
    numbers = [shards for shards in listed.values() if shards is not None]
    if len(numbers) == len(listed) and summary.shards.total >= sum(numbers):
        return SearchReach(refused=absent, filled=filled)
    unseen = sorted(listed.keys() - filled)  # refused, or without documents
    return SearchReach(refused=(*absent, *_refused(transport, unseen)), filled=filled)


def _absent_clusters(pattern: str, clusters: Clusters) -> Iterator[UnsearchableIndex]:
    """Yield the clusters that a search skips; OpenSearch does not say which ones."""
    if not clusters.skipped:
        return
    skipped = {name: part for name, part in clusters.details.items() if part.get("status") == "skipped"}
    for name, part in skipped.items():
        why = reason({"error": {"failures": part.get("failures") or ()}})
        yield UnsearchableIndex(index=f"{name}:*", reason=f"the cluster `{name}` does not answer ({why})")
    if not skipped:
        remote = ",".join(part for part in pattern.split(",") if ":" in part)
        why = f"{clusters.skipped} of {clusters.total} clusters do not answer; see `GET /_remote/info`"
        yield UnsearchableIndex(index=remote, reason=why)


def _refused(transport: Transport, indices: Sequence[str]) -> Iterator[UnsearchableIndex]:
    """Yield those of some indices that may not be searched by name."""
    lines: list[Mapping[str, Any]] = []
    for index in indices:
        lines += [{"index": index}, {"size": 0, "track_total_hits": False, "terminate_after": 1}]
    if not lines:
        return
    doing = "checking which indices may be read"
    responses = several_answers(transport.request("POST", "/_msearch", body=lines), len(indices), doing)
    for index, response in zip(indices, responses, strict=True):
        error = response_error(response, f"searching `{index}`")
        if isinstance(error, Forbidden):
            yield UnsearchableIndex(index=index, reason=str(error))
