"""Aggregations that count and tally events by slices of time, and the clauses that select spans of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from watcher.cluster.answer_shapes import FIRST_SECOND, LAST_SECOND, SearchSummary, Shape, TimeBucket, TimeBuckets
from watcher.errors import Refused
from watcher.model import Query, Window
from watcher.ports import EventSpan, IndexMarks, MarkedIndex, NewerEvents, Tallies, Tally
from watcher.timestamps import format_timestamp, moment_at

FORMAT = "strict_date_optional_time_nanos"

SEQUENCE_NUMBER = "_seq_no"

TIMESTAMP = "@timestamp"
"""The time of events that lack the time field."""

_MOST_INDICES = 10_000
_MOST_SUMMED = 4_000  # times: engines add in doubles, which hold integers exactly up to 2 ** 53


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


class UntimedTallies(Shape, frozen=True):
    """The events of an index that lack the time field."""

    slices: TallyBuckets


class IndexBucket(Shape, frozen=True):
    """The events of an index."""

    key: str
    slices: TallyBuckets
    untimed: UntimedTallies = UntimedTallies(slices=TallyBuckets(buckets=[]))


class IndexBuckets(Shape, frozen=True):
    """The events by index."""

    buckets: list[IndexBucket]
    sum_other_doc_count: int


class UntimedSteps(Shape, frozen=True):
    """The number of events that lack the time field, by steps of time."""

    steps: TimeBuckets
    newest: Number = Number(value=None)


_NONE_UNTIMED = UntimedSteps(steps=TimeBuckets(buckets=[]))


class NewerAggregations(Shape, frozen=True):
    """What a shard holds above its mark."""

    highest: Number
    newest: Number
    steps: TimeBuckets
    untimed: UntimedSteps = _NONE_UNTIMED


def time_clause(time_field: str, window: Window) -> Query:
    """Return the clause for the events of a window; those that lack the time field are found by `@timestamp`."""
    bounds = {"gte": format_timestamp(window.start), "lt": format_timestamp(window.end), "format": FORMAT}
    clause: Query = {"range": {time_field: bounds}}
    if time_field == TIMESTAMP:
        return clause
    by_timestamp = {"bool": {"filter": [{"range": {TIMESTAMP: bounds}}, _lacks(time_field)]}}
    return {"bool": {"should": [clause, by_timestamp], "minimum_should_match": 1}}


def _lacks(time_field: str) -> Query:
    return {"bool": {"must_not": [{"exists": {"field": time_field}}]}}


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


def step_aggregations(time_field: str, step: timedelta) -> dict[str, Any]:
    """Return the aggregations that count events by steps of time."""
    return _and_untimed(time_field, lambda name: {"steps": _histogram(name, step)})


def _and_untimed(time_field: str, build: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Return aggregations by a time field, and the same by `@timestamp` for events that lack it."""
    by_field = build(time_field)
    if time_field == TIMESTAMP:
        return by_field
    return {**by_field, "untimed": {"filter": _lacks(time_field), "aggs": build(TIMESTAMP)}}


def _histogram(time_field: str, step: timedelta) -> dict[str, Any]:
    interval = f"{round(step.total_seconds() * 1000)}ms"
    return {"date_histogram": {"field": time_field, "fixed_interval": interval, "min_doc_count": 1}}


def read_steps(summary: SearchSummary, doing: str) -> Mapping[datetime, int]:
    """Return the number of events of each step; raises Malformed where the answer does not hold them."""
    counts: Counter[datetime] = Counter()
    steps = summary.aggregation("steps", TimeBuckets, doing)
    counts.update(_step_counts(steps) if steps else {})
    if "untimed" in (summary.aggregations or {}):
        untimed = summary.aggregation("untimed", UntimedSteps, doing)
        counts.update(_step_counts(untimed.steps) if untimed else {})
    return dict(counts)


def _step_counts(steps: TimeBuckets) -> Mapping[datetime, int]:
    return {_moment(bucket): bucket.doc_count for bucket in steps.buckets}


def _moment(bucket: TimeBucket) -> datetime:
    return moment_at(bucket.key)


def tally_aggregations(time_field: str, step: timedelta) -> dict[str, Any]:
    """Return the aggregations that tally events by index and steps of time."""

    def slices(name: str) -> dict[str, Any]:
        numbers = {
            "total": {"sum": {"field": SEQUENCE_NUMBER}},
            "highest": {"max": {"field": SEQUENCE_NUMBER}},
            "times": {"stats": {"field": name}},
        }
        return {"slices": {**_histogram(name, step), "aggs": numbers}}

    by_index = {"terms": {"field": "_index", "size": _MOST_INDICES}, "aggs": _and_untimed(time_field, slices)}
    return {"indices": by_index}


def read_tallies(indices: IndexBuckets | None, doing: str) -> Tallies:
    """Return the tallies of an answer; raises Refused where the pattern has too many indices."""
    if indices is None:
        return {}
    if indices.sum_other_doc_count:
        raise Refused(f"{doing}: events of more than {_MOST_INDICES:,} indices cannot be tallied")
    tallies: dict[tuple[str, datetime], Tally] = {}
    for index in indices.buckets:
        for bucket in (*index.slices.buckets, *index.untimed.slices.buckets):
            place = index.key, _moment(bucket)
            tallies[place] = _joined(tallies.get(place), _tally(bucket))
    return tallies


def _joined(first: Tally | None, second: Tally) -> Tally:
    """Return the tally of both: of events that have the time field, and of those that lack it."""
    if first is None:
        return second
    times = [time for time in (first.milliseconds, second.milliseconds) if time is not None]
    numbers = [number for number in (first.highest, second.highest) if number is not None]
    return Tally(
        events=first.events + second.events,
        total=first.total + second.total,
        highest=max(numbers) if len(numbers) == 2 else None,
        milliseconds=sum(times) if len(times) == 2 else None,
    )


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
    by_time = _and_untimed(
        time_field, lambda name: {"newest": {"max": {"field": name}}, "steps": _histogram(name, step)}
    )
    aggregations = {"highest": {"max": {"field": SEQUENCE_NUMBER}}, **by_time}
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
        highest = shard.highest.value
        numbers.append(mark if highest is None else max(mark, int(highest)))
        latest = (shard.newest.value, shard.untimed.newest.value)
        newest += [moment_at(_within(value)) for value in latest if value is not None]
        counts.update(_step_counts(shard.steps))
        counts.update(_step_counts(shard.untimed.steps))
    marks = IndexMarks(uuid=entry.marks.uuid, numbers=tuple(numbers), newest=max(newest, default=None))
    return NewerEvents(marks=marks, counts=counts)


def _within(milliseconds: float) -> int:
    """Return a time of an event within the years that timestamps can have."""
    return int(min(max(milliseconds, FIRST_SECOND * 1000), LAST_SECOND * 1000))
