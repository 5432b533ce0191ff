"""An engine of little memory answers scans of large events, once a scan has failed."""

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
from watcher.local_engine import OPENSEARCH, default_cache, start
from watcher.match.ruleset import CompiledRule
from watcher.model import Window
from watcher.ports import EventSource, Page, SearchRequest, Snapshot
from watcher.search.searcher import MatchedPage, SearchContext, Searcher
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


@pytest.fixture(scope="module")
def small_engine() -> Iterator[Running]:
    """Run an OpenSearch of its own with 1 GB of heap: what kills it must not kill that of other tests."""
    cache = default_cache(os.environ)
    with data_folder() as data, start(OPENSEARCH, cache=cache, progress=quiet, data=data, runtime=RUNTIME) as node:
        yield Running(node=node, url=node.url)


def fill(lent: Indices, index: str, event: Callable[[str], dict[str, Any]]) -> None:
    """Index events of 20 MB, each with a request of its own."""
    lent.make(index, MAPPING)
    for number in range(EVENTS):
        document = {"@timestamp": f"2026-03-01T12:00:{number:02}Z", **event(os.urandom(10_000_000).hex())}
        lent.ask("PUT", f"/{index}/_doc/{number}", document)
    lent.ask("POST", f"/{index}/_refresh")


def hits(searcher: Searcher, snapshot: Snapshot, cache: PlanCache, events: EventSource, source: Source) -> set[str]:
    """Return the ids of the hits of a search."""
    mapping = events.mapping(source.index, sorted(cache.paths))
    context = SearchContext(
        snapshot=snapshot, translator=cache.translator_for(mapping), event_reader=EventReader(source, mapping)
    )
    outcomes = searcher.search(context, cache.plans(mapping))
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
        fill(lent, "winlogbeat-large", padded)
        events, rules = connection.events(), [ruled(1)]
        source = Source(search="scan", index="winlogbeat-large")
        cache = PlanCache(source, rules)
        searcher = Searcher(source, [CompiledRule(rule, rule_predicate(rule, source)) for rule in rules])
        with pytest.raises(Unreachable):
            hits(searcher, DeadEvents(), cache, events, source)
        with events.open(source.index, HOUR, time_field="@timestamp") as snapshot:
            assert len(hits(searcher, snapshot, cache, events, source)) == EVENTS
