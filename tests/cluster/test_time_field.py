"""Events that lack the time field of settings are found by `@timestamp`, and counted there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.borrowed_indices import TIME, Indices

from watcher.cluster.connections import Connection
from watcher.model import Window
from watcher.ports import EventSpan, IndexMarks, MarkedIndex, Page, SearchRequest, Snapshot, Tally

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))
MINUTE = timedelta(minutes=1)
INGESTED = "event.ingested"
MAPPING = {"properties": {**TIME, "event": {"properties": {"ingested": {"type": "date"}}}}}
LATE, WITHOUT, OUTSIDE = (
    {"@timestamp": "2026-03-01T10:00:00Z", "event": {"ingested": "2026-03-01T12:00:01Z"}},
    {"@timestamp": "2026-03-01T12:00:02.500Z"},
    {"@timestamp": "2026-03-01T12:00:00Z", "event": {"ingested": "2026-03-01T14:00:00Z"}},
)


def pages(snapshot: Snapshot, size: int) -> list[Page]:
    """Read all events in pages of a size."""
    read: list[Page] = []
    after: tuple[Any, ...] | None = None
    while not read or after is not None:
        (page,) = snapshot.search([SearchRequest(query={"match_all": {}}, size=size, after=after)])
        assert isinstance(page, Page), page
        read.append(page)
        after = page.after
    return read


@pytest.fixture
def index(lent: Indices) -> str:
    """Create an index of which an event lacks the time field, and another one that does not map it."""
    lent.make("winlogbeat-ingested-a", MAPPING)
    lent.fill("winlogbeat-ingested-a", [LATE, WITHOUT, OUTSIDE])
    lent.make("winlogbeat-ingested-b", {"dynamic": False, "properties": TIME})
    lent.fill("winlogbeat-ingested-b", [WITHOUT, OUTSIDE | {"event": {}}])
    return "winlogbeat-ingested-*"


def test_events_without_the_time_field_are_found_by_their_timestamp(connection: Connection, index: str) -> None:
    with connection.events().open(index, HOUR, time_field=INGESTED) as snapshot:
        for size in (1, 2, 10):
            read = pages(snapshot, size)
            assert read[0].total == 4
            places = [(document.index[-1], document.id) for page in read for document in page.documents]
            assert sorted(places) == [("a", "0"), ("a", "1"), ("b", "0"), ("b", "1")]
        assert snapshot.counts(MINUTE) == {START: 4}


def test_events_without_the_time_field_are_tallied_with_the_others(connection: Connection, index: str) -> None:
    with connection.events().open(index, HOUR, time_field=INGESTED) as snapshot:
        assert snapshot.tallies(MINUTE) == {
            ("winlogbeat-ingested-a", START): Tally(events=2, total=1, highest=1, milliseconds=3500),
            ("winlogbeat-ingested-b", START): Tally(events=2, total=1, highest=1, milliseconds=2500),
        }
        spans = (EventSpan(window=HOUR, indices=("winlogbeat-ingested-a",), above=0),)
        assert [page.count for page in pages(snapshot.limited_to(spans), 10)] == [1]


def test_counts_and_newer_events_hold_events_without_the_time_field(connection: Connection, index: str) -> None:
    counts = connection.event_counts()
    assert counts.count(index, [HOUR], time_field=INGESTED) == [4]
    marked = MarkedIndex(index="winlogbeat-ingested-a", marks=IndexMarks(uuid="", numbers=(0,)))
    (newer,) = counts.newer([marked], MINUTE, time_field=INGESTED)
    assert newer.counts == {START: 1, START + timedelta(hours=2): 1}
    assert newer.marks.newest == START + timedelta(hours=2)


def test_a_time_field_that_no_index_maps_leaves_all_events_to_their_timestamp(
    connection: Connection, index: str
) -> None:
    with connection.events().open(index, HOUR, time_field="event.ingestd") as snapshot:
        assert sum(page.count for page in pages(snapshot, 2)) == 4
        assert snapshot.counts(MINUTE) == {START: 4}
