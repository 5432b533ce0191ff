"""An index with a small `max_result_window` is read in pages that it allows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.borrowed_indices import TIME, Indices, connections, indices
from support.engines import Running

from watcher.cluster.page_limits import PageLimit
from watcher.errors import ClusterError, Refused
from watcher.model import Window
from watcher.ports import EventSource, Page, SearchRequest

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))
WORDS = "index `a`: Result window is too large, from + size must be less than or equal to: [{}] but was [500]."


@pytest.fixture
def lent(engine: Running) -> Iterator[Indices]:
    """Borrow indices on each engine in turn."""
    with indices(engine.admin()) as borrowed:
        yield borrowed


def test_every_event_is_read_in_pages_that_the_smallest_index_allows(engine: Running, lent: Indices) -> None:
    lent.make("winlogbeat-pages-1", {"properties": TIME}, max_result_window=7)
    lent.make("winlogbeat-pages-2", {"properties": TIME})
    for name in ("winlogbeat-pages-1", "winlogbeat-pages-2"):
        lent.fill(name, [{"@timestamp": f"2026-03-01T12:00:{n:02}Z"} for n in range(20)])
    with connections(engine.cluster()) as connection:
        events = connection.events()
        for _ in range(2):  # the limit that the first snapshot learns holds for the next one
            assert_all_are_read(events)


def assert_all_are_read(events: EventSource) -> None:
    with events.open("winlogbeat-pages*", HOUR, time_field="@timestamp") as snapshot:
        request = SearchRequest(query={"match_all": {}}, size=500)
        pages: list[Page | ClusterError] = []
        after = None
        while not pages or after is not None:
            pages += snapshot.search([SearchRequest(query=request.query, size=500, after=after)])
            assert isinstance(pages[-1], Page), pages[-1]
            after = pages[-1].after
        read = [document for page in pages if isinstance(page, Page) for document in page.documents]
    assert len({(document.index, document.id) for document in read}) == len(read) == 40
    assert max(len(page.documents) for page in pages if isinstance(page, Page)) == 7


def test_the_limit_is_learnt_from_a_refusal_and_only_where_it_helps() -> None:
    limit = PageLimit()
    assert not limit.learn([Refused("no such clause"), Refused(WORDS.format(10_000))])
    assert limit.learn([Refused(WORDS.format(100)), Refused(WORDS.format(50))])
    assert limit.most == 50
    assert not limit.learn([Refused(WORDS.format(50))])


def test_the_limit_is_kept_for_further_snapshots_and_forgotten_after_many() -> None:
    limit = PageLimit()
    assert limit.learn([Refused(WORDS.format(50))])
    for _ in range(50):
        limit.next_snapshot()
    assert limit.most == 50
    for _ in range(50):
        limit.next_snapshot()
    assert limit.most == 10_000
