"""Aggregations that count and tally events by slices of time, and the clauses that select spans of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from watcher.cluster.answer_shapes import FIRST_SECOND, LAST_SECOND, Shape, TimeBucket, TimeBuckets
from watcher.errors import Refused
from watcher.model import Query, Window
from watcher.ports import EventSpan, IndexMarks, MarkedIndex, NewerEvents, Tallies, Tally
from watcher.timestamps import format_timestamp

FORMAT = "strict_date_optional_time_nanos"

SEQUENCE_NUMBER = "_seq_no"

_MOST_INDICES = 10_000
_MOST_SUMMED = 4_000  # times: engines add in doubles, which hold integers exactly up to 2 ** 53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Number(Shape, frozen=True):
    """A sum or maximum; None where no document has the field."""

    value: float | None


class Sum(Shape, frozen=True):
    """The sum that is a part of statistics."""

    sum: float


class TallyBucket(TimeBucket, frozen=True):
    """The events of an index in a step of time."""

    total: Number
    highest: Number
    times: Sum


class TallyBuckets(Shape, frozen=True):
    """The events of an index by steps of time."""

    buckets: list[TallyBucket]


class IndexBucket(Shape, frozen=True):
    """The events of an index."""

    key: str
    slices: TallyBuckets


class IndexBuckets(Shape, frozen=True):
    """The events by index."""

    buckets: list[IndexBucket]
    sum_other_doc_count: int


class NewerAggregations(Shape, frozen=True):
    """What a shard holds above its mark."""

    highest: Number
    newest: Number
    steps: TimeBuckets


def time_clause(time_field: str, window: Window) -> Query:
    """Return the clause for the events of a window."""
    bounds = {"gte": format_timestamp(window.start), "lt": format_timestamp(window.end), "format": FORMAT}
    return {"range": {time_field: bounds}}


def span_clause(time_field: str, spans: Sequence[EventSpan]) -> Query:
    """Return the clause for the events of any of some spans, none where there are no spans."""
    return {"bool": {"should": [_span(time_field, span) for span in spans]}} if spans else {"match_none": {}}


def _span(time_field: str, span: EventSpan) -> Query:
    clauses = [time_clause(time_field, span.window)]
    if span.indices:
        clauses.append({"terms": {"_index": list(span.indices)}})
    if span.above is not None:
        clauses.append({"range": {SEQUENCE_NUMBER: {"gt": span.above}}})
    return {"bool": {"filter": clauses}}


def histogram(time_field: str, step: timedelta) -> dict[str, Any]:
    """Return the aggregation that counts events by steps of time."""
    interval = f"{round(step.total_seconds() * 1000)}ms"
    return {"date_histogram": {"field": time_field, "fixed_interval": interval, "min_doc_count": 1}}


def step_counts(steps: TimeBuckets) -> Mapping[datetime, int]:
    """Return the number of events of each step of the histogram."""
    return {_moment(bucket): bucket.doc_count for bucket in steps.buckets}


def _moment(bucket: TimeBucket) -> datetime:
    return _EPOCH + timedelta(milliseconds=bucket.key)


def tally_aggregations(time_field: str, step: timedelta) -> dict[str, Any]:
    """Return the aggregations that tally events by index and steps of time."""
    numbers = {
        "total": {"sum": {"field": SEQUENCE_NUMBER}},
        "highest": {"max": {"field": SEQUENCE_NUMBER}},
        "times": {"stats": {"field": time_field}},
    }
    slices = {**histogram(time_field, step), "aggs": numbers}
    return {"indices": {"terms": {"field": "_index", "size": _MOST_INDICES}, "aggs": {"slices": slices}}}


def read_tallies(indices: IndexBuckets | None, doing: str) -> Tallies:
    """Return the tallies of an answer; raises Refused where the pattern has too many indices."""
    if indices is None:
        return {}
    if indices.sum_other_doc_count:
        raise Refused(f"{doing}: events of more than {_MOST_INDICES:,} indices cannot be tallied")
    return {
        (index.key, _moment(bucket)): _tally(bucket) for index in indices.buckets for bucket in index.slices.buckets
    }


def _tally(bucket: TallyBucket) -> Tally:
    events, highest = bucket.doc_count, bucket.highest.value
    return Tally(
        events=events,
        total=int(bucket.total.value or 0),
        highest=None if highest is None else int(highest),
        milliseconds=int(bucket.times.sum) - events * bucket.key if events <= _MOST_SUMMED else None,
    )


def newer_search(entry: MarkedIndex, shard: int, step: timedelta, time_field: str) -> tuple[Mapping[str, Any], ...]:
    """Return the two lines of the search for what one shard of an index holds above its mark."""
    aggregations = {
        "highest": {"max": {"field": SEQUENCE_NUMBER}},
        "newest": {"max": {"field": time_field}},
        "steps": histogram(time_field, step),
    }
    body = {
        "size": 0,
        "track_total_hits": False,
        "query": {"range": {SEQUENCE_NUMBER: {"gt": entry.marks.numbers[shard]}}},
        "aggs": aggregations,
    }
    return {"index": entry.index, "preference": f"_shards:{shard}"}, body


def read_newer(entry: MarkedIndex, shards: Sequence[NewerAggregations]) -> NewerEvents:
    """Return what the shards of an index hold above their marks."""
    counts: Counter[datetime] = Counter()
    newest = [entry.marks.newest] if entry.marks.newest is not None else []
    numbers = []
    for mark, shard in zip(entry.marks.numbers, shards, strict=True):
        highest, latest = shard.highest.value, shard.newest.value
        numbers.append(mark if highest is None else max(mark, int(highest)))
        newest += [] if latest is None else [_EPOCH + timedelta(milliseconds=_within(latest))]
        counts.update(step_counts(shard.steps))
    marks = IndexMarks(uuid=entry.marks.uuid, numbers=tuple(numbers), newest=max(newest, default=None))
    return NewerEvents(marks=marks, counts=counts)


def _within(milliseconds: float) -> int:
    """Return a time of an event within the years that timestamps can have."""
    return int(min(max(milliseconds, FIRST_SECOND * 1000), LAST_SECOND * 1000))
