"""Answers that are not JSON: the event that causes it is named, and all others are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import fake_cluster as fake_server
from support.borrowed_indices import connections
from support.fake_cluster import Reply, serving

from watcher.cluster.connections import OPENSEARCH
from watcher.cluster.engine_transport import Answer, RequestBody
from watcher.cluster.snapshot import PointInTime, SnapshotTarget
from watcher.errors import Overloaded, Undecodable
from watcher.model import Window
from watcher.ports import Page, SearchRequest

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
VIEW = SnapshotTarget(
    pattern="winlogbeat-*", window=Window(start=START, end=START + timedelta(hours=1)), time_field="@timestamp"
)
EVERYTHING: dict[str, Any] = {"match_all": {}}
BROKEN = '{"a": nonsense}'


@dataclass
class FakeCluster:
    """A transport to documents, some of which are sent as invalid JSON."""

    sources: Mapping[int, str]  # number → the text of `_source`
    listing: str = ""  # the answer to a request for ids alone
    status: int = 200
    sizes: list[int] = field(default_factory=list)  # of the pages that were requested with their events

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: RequestBody = None,
        timeout: timedelta | None = None,
    ) -> Answer:
        """Answer a multi-search as an engine does, in bytes."""
        assert (method, path, bool(params), bool(timeout)) == ("POST", "/_msearch", True, True)
        assert isinstance(body, list)
        responses = ",".join(map(self._response, body[1::2]))
        return Answer(status=self.status, raw=(f'{{"responses":[{responses}]}}'.encode()))

    def _response(self, request: Mapping[str, Any]) -> str:
        if request["_source"] is False:
            if self.listing:
                return self.listing
        else:
            self.sizes.append(request["size"])
        start = request["search_after"][0] + 1 if "search_after" in request else 0
        numbers = [number for number in sorted(self.sources) if number >= start][: request["size"]]
        hits = ",".join(self._hit(number, request) for number in numbers)
        total = f'"total":{{"value":{len(self.sources)}}},' if request["track_total_hits"] else ""
        return (
            f'{{"status":200,"timed_out":false,"_shards":{{"total":1,"failed":0}},"hits":{{{total}"hits":[{hits}]}}}}'
        )

    def _hit(self, number: int, request: Mapping[str, Any]) -> str:
        source = "" if request["_source"] is False else f',"_source":{self.sources[number]}'
        return f'{{"_index":"winlogbeat-1","_id":"e{number}","sort":[{number}]{source}}}'

    def close(self) -> None:
        """Do nothing."""


def snapshot(cluster: FakeCluster) -> PointInTime:
    """Open a snapshot of the documents."""
    return PointInTime(transport=cluster, dialect=OPENSEARCH, target=VIEW, timeout=timedelta(seconds=1), ids=["pit"])


def documents(count: int, *broken: int) -> dict[int, str]:
    """Return so many documents, some of them broken."""
    return {number: BROKEN if number in broken else json.dumps({"n": number}) for number in range(count)}


def pages(opened: PointInTime, size: int) -> list[Page]:
    """Read every page of a snapshot."""
    read: list[Page] = []
    after: tuple[Any, ...] | None = None
    while not read or after is not None:
        (page,) = opened.search([SearchRequest(query=EVERYTHING, size=size, after=after)])
        assert isinstance(page, Page), page
        read.append(page)
        after = page.after
    return read


@pytest.mark.parametrize("broken", [(), (0,), (99,), (41, 42), (0, 9, 10, 50, 99), tuple(range(100))], ids=str)
@pytest.mark.parametrize("size", [1, 7, 10, 100, 500])
def test_undecodable_events_are_named_and_all_others_are_read(broken: tuple[int, ...], size: int) -> None:
    read = pages(snapshot(FakeCluster(documents(100, *broken))), size)
    assert [event.id for page in read for event in page.unreadable] == [f"e{number}" for number in broken]
    assert {event.index for page in read for event in page.unreadable} <= {"winlogbeat-1"}
    assert [document.event["n"] for page in read for document in page.documents] == [
        number for number in range(100) if number not in broken
    ]
    assert read[0].total == sum(page.count for page in read) == 100


def test_one_undecodable_event_costs_few_requests() -> None:
    cluster = FakeCluster(documents(512, 300))
    pages(snapshot(cluster), 512)
    assert len(cluster.sizes) <= 2 + 2 * 9 + 1  # two pages, two parts at each halving, and the page after


def test_the_reason_is_short_and_quotes_no_event() -> None:
    (page,) = pages(snapshot(FakeCluster({0: "x" * 1_000_000})), 10)
    (event,) = page.unreadable
    assert "not valid JSON" in event.reason
    assert len(event.reason) < 400


def test_of_many_searches_in_a_request_only_the_undecodable_page_is_read_in_parts() -> None:
    cluster = FakeCluster(documents(20, 15))
    requests = [SearchRequest(query=EVERYTHING, size=5, after=after) for after in (None, (4,), (9,), (14,))]
    outcomes = snapshot(cluster).search(requests)
    read = [outcome for outcome in outcomes if isinstance(outcome, Page)]
    assert [len(page.documents) for page in read] == [5, 5, 5, 4]
    assert [event.id for page in read for event in page.unreadable] == ["e15"]


def test_an_undecodable_listing_is_raised() -> None:
    with pytest.raises(Undecodable, match="an answer of the cluster is not valid JSON"):
        snapshot(FakeCluster(documents(4, 1), listing="nonsense")).search([SearchRequest(query=EVERYTHING, size=4)])


def test_an_error_while_a_page_is_read_in_parts_replaces_the_page() -> None:
    busy = '{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}'
    cluster = FakeCluster(documents(4, 1), listing=busy)
    (outcome,) = snapshot(cluster).search([SearchRequest(query=EVERYTHING, size=4)])
    assert isinstance(outcome, Overloaded)


@pytest.mark.parametrize("engine", [fake_server.elasticsearch("8.19.0"), fake_server.opensearch("3.6.0")])
def test_both_transports_raise_where_an_answer_is_not_json(engine: tuple[Mapping[str, Reply], Reply]) -> None:
    table, otherwise = engine
    broken = Reply(raw=b'{"a": ' + b"x" * 1_000_000, headers=otherwise.headers)
    deep = Reply(raw=b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b', "b": 1e400}', headers=otherwise.headers)
    with serving({**table, "/broken": broken, "/deep": deep}, otherwise) as fake, connections(fake.cluster) as opened:
        with pytest.raises(Undecodable) as undecodable:
            _ = opened.transport.request("GET", "/broken").body
        assert len(str(undecodable.value)) < 400
        assert opened.transport.request("GET", "/deep").body["b"] == "1e400"
