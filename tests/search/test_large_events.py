"""An engine of little memory answers scans of large events, wherever in a window they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from looking import ruled
from support.borrowed_indices import TIME, Indices, connections, indices
from support.engines import RUNTIME, Running, data_folder, quiet
from support.fakes import ListedEvents

from watcher.errors import ClusterError, Unreachable
from watcher.local_engine import ELASTICSEARCH, OPENSEARCH, default_cache, start
from watcher.match.compiled_rule import CompiledRule
from watcher.model import Window
from watcher.ports import EventSource, Page, SearchRequest, Snapshot
from watcher.search.searcher import MatchedPage, SearchContext, Searcher
from watcher.search.write_growth import Growth, WriteGrowth
from watcher.settings import Source
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate

EVENTS = 60
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))
MAPPING = {
    "dynamic": False,
    "properties": {
        **TIME,
        "event": {"properties": {"code": {"type": "keyword"}}},
        "winlog": {"properties": {"channel": {"type": "keyword"}}},
    },
}

pytestmark = pytest.mark.slow


@dataclass
class DeadEvents(ListedEvents):
    """An engine that gives up on every search."""

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        raise Unreachable(f"closed the connection on {len(requests)} searches")


class Search:
    """The searches of one index by one rule."""

    def __init__(self, index: str) -> None:
        self.source, rules = Source(search="scan", index=index), [ruled(1)]
        self.cache = PlanCache(self.source, rules)
        self.searcher = Searcher(self.source, [CompiledRule(rule, rule_predicate(rule, self.source)) for rule in rules])


@pytest.fixture(scope="module", params=[OPENSEARCH, ELASTICSEARCH], ids=["opensearch", "elasticsearch"])
def small_engine(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Run an engine of its own with 1 GB of heap: what kills it must not kill that of other tests."""
    cache = default_cache(os.environ)
    with data_folder() as data, start(request.param, cache=cache, progress=quiet, data=data, runtime=RUNTIME) as node:
        yield Running(node=node, url=node.url)


def fill(lent: Indices, index: str, event: Callable[[str], dict[str, Any]]) -> None:
    """Index events of 20 MB, each with a request of its own."""
    for number in range(EVENTS):
        document = {"@timestamp": f"2026-03-01T12:30:{number:02}Z", **event(os.urandom(10_000_000).hex())}
        lent.ask("PUT", f"/{index}/_doc/large-{number}", document)
    lent.ask("POST", f"/{index}/_refresh")


def hits(events: EventSource, snapshot: Snapshot, search: Search, growth: Growth = Growth.UNKNOWN) -> set[str]:
    """Return the ids of the hits of a search."""
    mapping = events.mapping(search.source.index, sorted(search.cache.paths))
    context = SearchContext(
        snapshot=snapshot,
        translator=search.cache.translator_for(mapping),
        event_reader=EventReader(search.source, mapping),
        growth=growth,
    )
    outcomes = search.searcher.search(context, search.cache.plans(mapping))
    pages = (outcome.documents for outcome in outcomes if isinstance(outcome, MatchedPage))
    return {document.id for documents in pages for document in documents}


def padded(text: str) -> dict[str, Any]:
    return {
        "event": {"code": "4688"},
        "winlog": {"channel": "Security", "event_data": {"CommandLine": "a shell"}},
        "padding": text,
    }


def test_events_of_20_megabytes_are_found_after_a_search_that_failed(small_engine: Running) -> None:
    with indices(small_engine.admin()) as lent, connections(small_engine.cluster()) as connection:
        lent.make("winlogbeat-large", MAPPING)
        fill(lent, "winlogbeat-large", padded)
        events, search = connection.events(), Search("winlogbeat-large")
        with pytest.raises(Unreachable):
            hits(events, DeadEvents(), search)
        with events.open("winlogbeat-large", HOUR, time_field="@timestamp") as snapshot:
            assert len(hits(events, snapshot, search)) == EVENTS


def huge_in_what_rules_read(text: str) -> dict[str, Any]:
    data = {"CommandLine": f"a shell {text}"}
    return {"event": {"code": "4688"}, "winlog": {"channel": "Security", "event_data": data}}


def test_a_burst_of_huge_events_behind_small_ones_is_found_at_once(small_engine: Running) -> None:
    """What the engine wrote since the last search announces it, so that no page is too large."""
    index, written = "winlogbeat-burst", WriteGrowth()
    with indices(small_engine.admin()) as lent, connections(small_engine.cluster()) as connection:
        lent.make(index, MAPPING)
        events = connection.events()
        written.since_last(events.written_bytes(index))
        small = padded("x" * 1_000)
        lent.fill(index, [{"@timestamp": f"2026-03-01T12:{number // 100:02}:00Z", **small} for number in range(2_000)])
        assert written.since_last(events.written_bytes(index)) is Growth.USUAL
        fill(lent, index, huge_in_what_rules_read)
        growth = written.since_last(events.written_bytes(index))
        assert growth is Growth.HUGE
        with events.open(index, HOUR, time_field="@timestamp") as snapshot:
            assert len(hits(events, snapshot, Search(index), growth)) == 2_000 + EVENTS
