"""The EventCounts port on one cluster: each number is counted in one request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from watcher.cluster.answer_shapes import (
    ChannelBuckets,
    SearchAnswer,
    SearchSummary,
    decode,
    malformed,
    shaped,
)
from watcher.cluster.engine_transport import Transport, quote_path
from watcher.cluster.index_mappings import LENIENT, read_index_mapping
from watcher.cluster.search_answers import partial_answer, response_error, search_answer, several_answers
from watcher.cluster.slice_aggregations import NewerAggregations, newer_search, read_newer, time_clause
from watcher.errors import Incomplete, Refused
from watcher.model import Query, Window
from watcher.ports import EventVolume, IndexMapping, MarkedIndex, NewerEvents, Server

_CHANNEL = ("winlog.channel", "winlog.channel.keyword")
_CODE = ("event.code", "event.code.keyword", "winlog.event_id", "winlog.event_id.keyword")
_HOST = ("host.name", "host.name.keyword", "winlog.computer_name", "winlog.computer_name.keyword")
_COUNTABLE = frozenset({"keyword", "constant_keyword", "wildcard", "long", "integer"})
_CHANNELS = 500
_CODES = 2_000
_TOGETHER = 100  # searches of one request
_EXACT = 1_000  # hosts up to which their number is nearly exact


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCountCluster:
    """Counts the events of one cluster, over one transport."""

    engine: Server
    transport: Transport

    def count(self, pattern: str, windows: Sequence[Window], *, time_field: str) -> Sequence[int]:
        """Count the events of windows, none where the pattern has no indices."""
        lines: list[Mapping[str, Any]] = []
        for window in windows:
            lines += [{}, {"size": 0, "track_total_hits": True, "query": time_clause(time_field, window)}]
        doing = f"counting the events of `{pattern}`"
        path = f"/{quote_path(pattern)}/_msearch"
        answer = self.transport.request("POST", path, params=LENIENT, body=lines)
        responses = several_answers(answer, len(windows), doing)
        return [_total(search_answer(response, doing), doing) for response in responses]

    def newer(self, indices: Sequence[MarkedIndex], step: timedelta, *, time_field: str) -> Sequence[NewerEvents]:
        """Return what each index holds above its marks: one search for each shard, several in one request."""
        searches = [(entry, shard) for entry in indices for shard in range(len(entry.marks.numbers))]
        shards: list[NewerAggregations] = []
        for start in range(0, len(searches), _TOGETHER):
            lines: list[Mapping[str, Any]] = []
            for entry, shard in searches[start : start + _TOGETHER]:
                lines += newer_search(entry, shard, step, time_field)
            shards += self._newer(lines)
        remaining = iter(shards)
        return [read_newer(entry, [next(remaining) for _ in entry.marks.numbers]) for entry in indices]

    def _newer(self, lines: Sequence[Mapping[str, Any]]) -> Iterator[NewerAggregations]:
        doing = "counting newer events"
        answer = self.transport.request("POST", "/_msearch", body=lines)
        for response in several_answers(answer, len(lines) // 2, doing):
            error = response_error(response, doing)
            if error is not None:
                raise error
            result = shaped(response, SearchSummary, doing)
            _require_complete(result, doing)
            if not result.shards.total:
                raise Incomplete(f"{doing}: a shard is missing; try again")
            yield shaped(result.aggregations, NewerAggregations, doing)

    def volumes(self, pattern: str, window: Window, *, time_field: str) -> Sequence[EventVolume]:
        """Count the events of each class; none where the pattern has no indices.

        Raises Refused where a field is mapped so that it cannot be counted.
        """
        mapping = read_index_mapping(self.transport, self.engine, pattern, (*_CHANNEL, *_CODE, *_HOST))
        if not mapping.indices:
            return ()
        body = {"size": 0, "query": time_clause(time_field, window), "aggs": _aggregations(mapping)}
        doing = f"counting the events of `{pattern}`"
        params = {**LENIENT, "allow_partial_search_results": "false"}
        answer = self.transport.request("POST", f"/{quote_path(pattern)}/_search", params=params, body=body)
        result = decode(answer, SearchSummary, doing)
        _require_complete(result, doing)
        channels = result.aggregation("channels", ChannelBuckets, doing)
        return tuple(_volumes(channels)) if channels else ()


def _aggregations(mapping: IndexMapping) -> Query:
    hosts = {"cardinality": {"field": _countable(mapping, _HOST), "precision_threshold": _EXACT}}
    codes = {"terms": {"field": _countable(mapping, _CODE), "size": _CODES}, "aggs": {"hosts": hosts}}
    return {
        "channels": {
            "terms": {"field": _countable(mapping, _CHANNEL), "size": _CHANNELS},
            "aggs": {"codes": codes, "hosts": hosts},
        }
    }


def _require_complete(result: SearchAnswer | SearchSummary, doing: str) -> None:
    shards = result.shards
    if shards.failures and not result.timed_out:
        raise partial_answer(result, doing) or Incomplete(f"{doing}: not every shard answered; try again")
    absent = shards.successful is not None and shards.successful < shards.total  # shards without a copy, in OpenSearch
    clusters = result.clusters
    skipped = clusters.skipped or clusters.partial or clusters.failed
    if result.timed_out or shards.failed or absent or skipped:
        raise Incomplete(f"{doing}: not every shard answered; try again")


def _total(result: SearchAnswer, doing: str) -> int:
    _require_complete(result, doing)
    if result.hits.total is None:
        raise malformed(doing, "no number of events")
    return result.hits.total.value


def _volumes(channels: ChannelBuckets) -> Iterator[EventVolume]:
    for channel in channels.buckets:
        name = str(channel.key)
        yield EventVolume(channel=name, code="", events=channel.doc_count, hosts=channel.hosts.value)
        for code in channel.codes.buckets:
            yield EventVolume(channel=name, code=str(code.key), events=code.doc_count, hosts=code.hosts.value)


def _countable(mapping: IndexMapping, paths: Sequence[str]) -> str:
    """Return the path that can be counted in the most indices, the first of equals."""
    best, most = "", 0
    for path in paths:
        types = mapping.fields.get(path, ())
        indices = {name for field_type in types for name in (field_type.indices or mapping.indices)}
        if all(field_type.type in _COUNTABLE for field_type in types) and len(indices) > most:
            best, most = path, len(indices)
    if best:
        return best
    raise Refused(
        f"the events of `{mapping.pattern}` cannot be counted: "
        f"no keyword at {' or '.join(f'`{path}`' for path in paths)}"
    )
