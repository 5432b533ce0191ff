from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import fake_cluster as fake_server
from support.borrowed_indices import TIME, Indices, connections, indices
from support.engines import Running
from support.fake_cluster import Reply, serving

from watcher.clock import SystemClock
from watcher.cluster import privileges
from watcher.cluster.connections import Connection
from watcher.errors import ClusterError, Forbidden, Incomplete, Refused
from watcher.model import EventDocument, Window
from watcher.ports import EventSource, FieldType, Page, SearchRequest, Snapshot
from watcher.settings import Secret

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))
EVERYTHING: dict[str, Any] = {"match_all": {}}


@pytest.fixture
def events(connection: Connection) -> EventSource:
    return connection.events()


def page(outcome: Page | ClusterError) -> Page:
    assert isinstance(outcome, Page), outcome
    return outcome


def pages(snapshot: Snapshot, size: int) -> Iterator[Page]:
    after: tuple[Any, ...] | None = None
    while True:
        (outcome,) = snapshot.search([SearchRequest(query=EVERYTHING, size=size, after=after)])
        yield page(outcome)
        after = page(outcome).after
        if after is None:
            return


def everything(snapshot: Snapshot, size: int) -> list[EventDocument]:
    return [document for result in pages(snapshot, size) for document in result.documents]


# --------------------------------------------------------------------------- time and server


def test_returns_the_cluster_s_time(events: EventSource) -> None:
    before = SystemClock().now()
    now = events.now()
    assert before - timedelta(seconds=1) <= now <= SystemClock().now() + timedelta(seconds=1)


def test_returns_the_time_of_a_search_without_the_monitor_privilege() -> None:
    table, otherwise = fake_server.forbidding("8.19.0")
    answer = {
        "timed_out": False,
        "_shards": {"total": 1, "failed": 0},
        "aggregations": {"now": {"buckets": [{"from": 1767225600500.0, "doc_count": 0}]}},
    }
    with (
        serving({**table, "/_search": Reply(body=answer)}, otherwise) as fake,
        connections(fake.cluster) as opened,
    ):
        assert opened.events().now() == datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_names_the_privilege_where_the_time_cannot_be_read() -> None:
    with serving(*fake_server.forbidding("8.19.0")) as fake, connections(fake.cluster) as opened:
        with pytest.raises(Forbidden) as lacking:
            opened.events().now()
        assert "the user lacks the cluster privilege `monitor`" in str(lacking.value)


def test_the_bound_of_a_range_is_a_real_engine_s_time(engine: Running, lent: Indices) -> None:
    lent.make("winlogbeat-now", {"properties": TIME})
    before = SystemClock().now()
    answer = lent.ask(
        "POST",
        "/winlogbeat-now/_search",
        {"size": 0, "aggs": {"now": {"date_range": {"field": "@timestamp", "ranges": [{"from": "now"}]}}}},
    )
    bound = datetime.fromtimestamp(answer["aggregations"]["now"]["buckets"][0]["from"] / 1000, tz=UTC)
    assert before - timedelta(seconds=1) <= bound <= SystemClock().now() + timedelta(seconds=1), engine.url


# --------------------------------------------------------------------------- pages


def test_pages_through_25_000_events_of_one_millisecond(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-same", {"properties": TIME}, number_of_shards=3)
    lent.fill("winlogbeat-same", [{"@timestamp": "2026-03-01T12:00:00.123Z", "n": n} for n in range(25_000)])
    with events.open("winlogbeat-same*", HOUR, time_field="@timestamp") as snapshot:
        first, *others = pages(snapshot, 5_000)
        assert first.total == 25_000
        assert [other.total for other in others] == [None] * 5
        assert [len(result.documents) for result in (first, *others)] == [5_000] * 5 + [0]
        ids = {document.id for result in (first, *others) for document in result.documents}
    assert len(ids) == 25_000


def test_reads_every_event_of_one_millisecond_in_many_indices(events: EventSource, lent: Indices) -> None:
    """OpenSearch gives shard 0 of every index the same tie-breakers."""
    for name, shards in (("a", 1), ("b", 1), ("c", 2)):
        lent.make(f"winlogbeat-tie-{name}", {"properties": TIME}, number_of_shards=shards)
        lent.fill(f"winlogbeat-tie-{name}", [{"@timestamp": "2026-03-01T12:00:00Z"} for _ in range(20)])
    with events.open("winlogbeat-tie-*", HOUR, time_field="@timestamp") as snapshot:
        documents = everything(snapshot, 7)
    assert len(documents) == 60
    assert len({(document.index, document.id) for document in documents}) == 60


def test_pages_through_milliseconds_and_nanoseconds_together(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-unit-ms", {"properties": TIME})
    lent.make("winlogbeat-unit-ns", {"properties": {"@timestamp": {"type": "date_nanos"}}})
    lent.make("winlogbeat-unit-none", {"properties": {"other": {"type": "keyword"}}})
    lent.fill("winlogbeat-unit-ms", [{"@timestamp": f"2026-03-01T12:00:0{n % 10}.123Z"} for n in range(30)])
    lent.fill("winlogbeat-unit-ns", [{"@timestamp": f"2026-03-01T12:00:0{n % 10}.1234567{n}Z"} for n in range(10, 40)])
    with events.open("winlogbeat-unit-*", HOUR, time_field="@timestamp") as snapshot:
        documents = everything(snapshot, 7)
    assert len({(document.index, document.id) for document in documents}) == len(documents) == 60
    seconds = [document.event["@timestamp"][:23] for document in documents]
    assert seconds == sorted(seconds)


def test_a_window_holds_its_start_and_not_its_end(events: EventSource, lent: Indices) -> None:
    edges = ("11:59:59.999", "12:00:00.000", "12:59:59.999", "13:00:00.000")
    lent.make("winlogbeat-edge-ms", {"properties": TIME})
    lent.make("winlogbeat-edge-ns", {"properties": {"@timestamp": {"type": "date_nanos"}}})
    for name in ("ms", "ns"):
        documents: list[dict[str, Any]] = [{"@timestamp": f"2026-03-01T{edge}Z"} for edge in edges]
        lent.fill(f"winlogbeat-edge-{name}", [*documents, {"message": "no time at all"}])
        with events.open(f"winlogbeat-edge-{name}", HOUR, time_field="@timestamp") as snapshot:
            assert [document.id for document in everything(snapshot, 10)] == ["1", "2"]
    cut = START + timedelta(milliseconds=1)
    for window, count in ((Window(start=START, end=cut), 2), (Window(start=cut, end=HOUR.end), 2)):
        with events.open("winlogbeat-edge-*", window, time_field="@timestamp") as snapshot:
            assert len(everything(snapshot, 10)) == count


def test_a_snapshot_does_not_see_later_events(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-still", {"properties": TIME})
    lent.fill("winlogbeat-still", [{"@timestamp": "2026-03-01T12:00:00Z"}])
    with events.open("winlogbeat-still", HOUR, time_field="@timestamp") as snapshot:
        lent.ask("PUT", "/winlogbeat-still/_doc/late?refresh=true", {"@timestamp": "2026-03-01T12:00:01Z"})
        assert [document.id for document in everything(snapshot, 10)] == ["0"]


def test_a_pattern_without_indices_is_searched_in_full(events: EventSource) -> None:
    for pattern in ("winlogbeat-nothing-*", "winlogbeat-nothing"):
        with events.open(pattern, HOUR, time_field="@timestamp") as snapshot:
            requests = [
                SearchRequest(query=EVERYTHING, size=10),
                SearchRequest(query=EVERYTHING, size=10, after=(0, 0)),
            ]
            assert [page(outcome).total for outcome in snapshot.search(requests)] == [0, None]
            assert all(page(outcome).documents == () for outcome in snapshot.search(requests))


# --------------------------------------------------------------------------- faults


def test_one_invalid_query_does_not_fail_its_batch(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-batch", {"properties": {**TIME, "number": {"type": "long"}}})
    lent.fill("winlogbeat-batch", [{"@timestamp": "2026-03-01T12:00:00Z", "number": 1}])
    queries = ({"term": {"number": 1}}, {"unknown": {}}, EVERYTHING, {"term": {"number": "x"}}, {"term": {"number": 2}})
    with events.open("winlogbeat-batch", HOUR, time_field="@timestamp") as snapshot:
        first, unreadable, second, mistyped, none = snapshot.search(
            [SearchRequest(query=query, size=10) for query in queries]
        )
        assert snapshot.search([]) == []
    assert [page(outcome).total for outcome in (first, second, none)] == [1, 1, 0]
    assert isinstance(unreadable, Refused)
    assert "unknown query [unknown]" in str(unreadable)
    assert isinstance(mistyped, Refused)
    assert "index `winlogbeat-batch`: failed to create query" in str(mistyped)


def test_a_query_that_only_one_index_refuses_is_refused_with_its_name(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-type-a", {"properties": {**TIME, "n": {"type": "keyword"}}})
    lent.make("winlogbeat-type-b", {"properties": {**TIME, "n": {"type": "long"}}})
    for name in ("a", "b"):
        lent.fill(f"winlogbeat-type-{name}", [{"@timestamp": "2026-03-01T12:00:00Z", "n": "7"}])
    with events.open("winlogbeat-type-*", HOUR, time_field="@timestamp") as snapshot:
        (outcome,) = snapshot.search([SearchRequest(query={"term": {"n": "seven"}}, size=10)])
    assert isinstance(outcome, Refused)
    assert "index `winlogbeat-type-b`" in str(outcome)


def test_too_many_clauses_are_refused(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-clauses", {"properties": {**TIME, "n": {"type": "keyword"}}})
    most = events.mapping("winlogbeat-clauses", ["n"]).max_clauses
    many: dict[str, Any] = {"bool": {"should": [{"prefix": {"n": f"{n}"}} for n in range(most + 1)]}}
    few: dict[str, Any] = {"bool": {"should": [{"prefix": {"n": f"{n}"}} for n in range(most - 20)]}}
    with events.open("winlogbeat-clauses", HOUR, time_field="@timestamp") as snapshot:
        allowed, outcome = snapshot.search([SearchRequest(query=few, size=1), SearchRequest(query=many, size=1)])
    assert page(allowed).total == 0
    assert isinstance(outcome, Refused | Page), outcome  # Elasticsearch may allow more than it says


def test_a_snapshot_lost_between_pages_is_incomplete(
    connection: Connection, events: EventSource, lent: Indices
) -> None:
    lent.make("winlogbeat-lost", {"properties": TIME})
    lent.fill("winlogbeat-lost", [{"@timestamp": "2026-03-01T12:00:00Z"} for _ in range(20)])
    with events.open("winlogbeat-lost", HOUR, time_field="@timestamp") as snapshot:
        (first,) = snapshot.search([SearchRequest(query=EVERYTHING, size=10)])
        dialect = connection.dialect
        name: str = snapshot.ids[-1]  # type: ignore[attr-defined] # how the engine calls it: not for callers
        key = {dialect.snapshot_key: name if dialect.snapshot_key == "id" else [name]}
        lent.ask("DELETE", dialect.close_path, key)
        after = page(first).after
        assert after is not None
        outcomes = snapshot.search(
            [SearchRequest(query=EVERYTHING, size=10, after=after), SearchRequest(query=EVERYTHING, size=1)]
        )
    assert [type(outcome) for outcome in outcomes] == [Incomplete, Incomplete]


def test_an_index_deleted_under_a_snapshot_is_incomplete(events: EventSource, lent: Indices) -> None:
    for name in ("kept", "gone"):
        lent.make(f"winlogbeat-del-{name}", {"properties": TIME})
        lent.fill(f"winlogbeat-del-{name}", [{"@timestamp": "2026-03-01T12:00:00Z"}])
    with events.open("winlogbeat-del-*", HOUR, time_field="@timestamp") as snapshot:
        assert len(everything(snapshot, 10)) == 2
        lent.ask("DELETE", "/winlogbeat-del-gone")
        (outcome,) = snapshot.search([SearchRequest(query=EVERYTHING, size=10)])
    assert isinstance(outcome, Incomplete)


def test_a_search_that_runs_out_of_time_is_incomplete() -> None:
    timed_out = {
        "took": 1,
        "timed_out": True,
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "hits": {"total": {"value": 1, "relation": "eq"}, "hits": []},
        "status": 200,
    }
    skipping = {**timed_out, "timed_out": False, "_clusters": {"total": 2, "successful": 1, "skipped": 1}}
    table, otherwise = fake_server.elasticsearch("8.19.0")
    replies = {
        **table,
        "/winlogbeat-*/_pit": Reply(body={"id": "p"}),
        "/_search": Reply(body={**timed_out, "timed_out": False}),
        "/_msearch": Reply(body={"responses": [timed_out, skipping]}),
    }
    with (
        serving(replies, otherwise) as fake,
        connections(fake.cluster) as opened,
        opened.events().open("winlogbeat-*", HOUR, time_field="@timestamp") as snapshot,
    ):
        late, partial = snapshot.search([SearchRequest(query=EVERYTHING, size=10)] * 2)
    assert isinstance(late, Incomplete)
    assert "ran out of time" in str(late)
    assert isinstance(partial, Incomplete)
    assert "1 of 2 clusters did not answer in full" in str(partial)
    assert fake.seen[-1]["path"] == "/_pit"  # closed, and a failure of that is ignored


# --------------------------------------------------------------------------- mappings


def test_returns_every_mapping_of_a_field(connection: Connection, events: EventSource, lent: Indices) -> None:
    lent.make(
        "winlogbeat-map-a",
        {
            "properties": {
                **TIME,
                "cmd": {"type": "keyword", "ignore_above": 100, "fields": {"text": {"type": "text"}}},
                "also": {"type": "alias", "path": "cmd"},
                "hidden": {"type": "keyword", "index": False, "doc_values": False},
                "list": {"type": "nested", "properties": {"name": {"type": "keyword"}}},
            }
        },
    )
    lent.make("winlogbeat-map-b", {"properties": {**TIME, "cmd": {"type": "long"}}})
    lent.make(
        "winlogbeat-map-c",
        {
            "properties": {
                **TIME,
                "cmd": {"type": "keyword"},
                "message": {"type": "text", "analyzer": "whitespace"},
                "plain": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
            }
        },
    )
    paths = ["cmd", "cmd.text", "also", "hidden", "list.name", "message", "plain", "plain.keyword", "none", "no.ne"]
    mapping = events.mapping("winlogbeat-map-*", paths)
    a, b, c = "winlogbeat-map-a", "winlogbeat-map-b", "winlogbeat-map-c"
    assert mapping.indices == (a, b, c)
    assert mapping.fields == {
        "cmd": (
            FieldType(type="keyword", indices=(a,), ignore_above=100),
            FieldType(type="keyword", indices=(c,)),
            FieldType(type="long", indices=(b,)),
        ),
        "cmd.text": (FieldType(type="text", indices=(a,)),),
        "also": (FieldType(type="keyword", indices=(a,), ignore_above=100, path="cmd"),),
        "hidden": (FieldType(type="keyword", indices=(a,), searchable=False),),
        "list.name": (FieldType(type="keyword", indices=(a,), searchable=False),),
        "message": (FieldType(type="text", indices=(c,), analyzer="whitespace"),),
        "plain": (FieldType(type="text", indices=(c,)),),
        "plain.keyword": (FieldType(type="keyword", indices=(c,), ignore_above=256),),
    }
    assert mapping.unindexed == ()
    assert mapping.closed == ()
    assert mapping.max_clauses >= 1024
    assert mapping.server == connection.server
    assert mapping.pattern == "winlogbeat-map-*"


def test_a_field_mapped_alike_everywhere_is_of_all_indices(events: EventSource, lent: Indices) -> None:
    for name in ("a", "b"):
        lent.make(f"winlogbeat-all-{name}", {"properties": {**TIME, "cmd": {"type": "keyword", "ignore_above": 9}}})
    mapping = events.mapping("winlogbeat-all-*", ["cmd"])
    assert mapping.fields == {"cmd": (FieldType(type="keyword", ignore_above=9),)}


def test_names_the_indices_that_keep_fields_without_indexing_them(events: EventSource, lent: Indices) -> None:
    mapped = {"mapped": {"type": "keyword"}}
    inner = {"o": {"dynamic": "false", "properties": {"k": {"type": "keyword"}}}}
    shapes: dict[str, dict[str, Any]] = {
        "strict": {"dynamic": "strict", "properties": {**TIME, **mapped}},
        "dynamic": {"properties": {**TIME, **mapped}},
        "silent": {"dynamic": False, "properties": {**TIME, **mapped}},
        "off": {"properties": {**TIME, **mapped, "o": {"type": "object", "enabled": False}}},
        "part": {"properties": {**TIME, **mapped, **inner}},
    }
    for name, mappings in shapes.items():
        lent.make(f"winlogbeat-hide-{name}", mappings)
    pattern = "winlogbeat-hide-*"
    assert events.mapping(pattern, ["mapped"]).unindexed == ()
    assert events.mapping(pattern, ["other"]).unindexed == ("winlogbeat-hide-silent",)
    assert events.mapping(pattern, ["mapped", "o.x"]).unindexed == tuple(
        f"winlogbeat-hide-{name}" for name in ("off", "part", "silent")
    )


def test_names_an_index_whose_mapping_is_full(elasticsearch: Running) -> None:
    properties = {f"f{n}": {"type": "keyword"} for n in range(95)}
    settings = {
        "index.mapping.total_fields.limit": 100,
        "index.mapping.total_fields.ignore_dynamic_beyond_limit": True,
    }
    with indices(elasticsearch.admin()) as lent, connections(elasticsearch.cluster()) as opened:
        lent.make("winlogbeat-full-a", {"properties": {**TIME, **properties}}, **settings)
        lent.make("winlogbeat-full-b", {"properties": TIME}, **settings)
        assert opened.events().mapping("winlogbeat-full-*", ["other"]).unindexed == ("winlogbeat-full-a",)


def test_a_path_in_an_object_kept_as_one_field_has_its_type(opensearch: Running) -> None:
    with indices(opensearch.admin()) as lent, connections(opensearch.cluster()) as opened:
        lent.make("winlogbeat-flat", {"properties": {**TIME, "o": {"type": "flat_object"}}})
        mapping = opened.events().mapping("winlogbeat-flat", ["o.x", "z"])
    assert mapping.fields == {"o.x": (FieldType(type="flat_object"),)}
    assert mapping.unindexed == ()


def test_returns_the_value_of_a_constant_keyword_and_the_limit_of_a_wildcard(opensearch: Running) -> None:
    properties = {"c": {"type": "constant_keyword", "value": "security"}, "w": {"type": "wildcard", "ignore_above": 50}}
    with indices(opensearch.admin()) as lent, connections(opensearch.cluster()) as opened:
        lent.make("winlogbeat-kinds", {"properties": {**TIME, **properties}})
        fields = opened.events().mapping("winlogbeat-kinds", ["c", "w"]).fields
    assert fields == {
        "c": (FieldType(type="constant_keyword", value="security"),),
        "w": (FieldType(type="wildcard", ignore_above=50),),
    }


def test_names_closed_indices_also_behind_an_alias(events: EventSource, lent: Indices) -> None:
    for name in ("open", "closed"):
        lent.make(f"winlogbeat-state-{name}", {"properties": TIME})
        lent.ask("PUT", f"/winlogbeat-state-{name}/_alias/winlogbeat-alias")
    lent.ask("POST", "/winlogbeat-state-closed/_close")
    for pattern in ("winlogbeat-state-*", "winlogbeat-alias"):
        mapping = events.mapping(pattern, ["@timestamp"])
        assert mapping.indices == ("winlogbeat-state-open",)
        assert mapping.closed == ("winlogbeat-state-closed",)
    with events.open("winlogbeat-state-*", HOUR, time_field="@timestamp") as snapshot:
        assert everything(snapshot, 10) == []


def test_a_pattern_without_indices_has_no_fields(events: EventSource) -> None:
    for pattern in ("winlogbeat-nothing-*", "winlogbeat-nothing"):
        mapping = events.mapping(pattern, ["cmd"])
        assert (mapping.indices, mapping.fields, mapping.unindexed, mapping.closed) == ((), {}, (), ())


def test_reads_many_long_paths(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-many", {"properties": {**TIME, "f1999": {"type": "keyword"}}})
    paths = [f"winlog.event_data.A_rather_long_name_of_a_field_{n}" for n in range(1_000)]
    mapping = events.mapping("winlogbeat-many", [*paths, "f1999"])
    assert mapping.fields == {"f1999": (FieldType(type="keyword"),)}
    assert mapping.indices == ("winlogbeat-many",)


# --------------------------------------------------------------------------- privileges


def test_nothing_is_missing_for_the_user_of_the_sidecar(connection: Connection, lent: Indices) -> None:
    lent.make("winlogbeat-own", {"properties": TIME})
    assert privileges.missing(connection, "winlogbeat-own", "watcher") == ()


def test_reports_that_no_index_matches(connection: Connection) -> None:
    (sentence,) = privileges.missing(connection, "winlogbeat-nothing-*", "watcher")
    assert sentence.startswith("no index matches `winlogbeat-nothing-*`")


def test_names_every_privilege_that_is_missing(elasticsearch: Running) -> None:
    with connections(elasticsearch.cluster()) as opened:
        assert privileges.missing(opened, "other-*,winlogbeat-*,-winlogbeat-old", "watcher") == (
            "the user lacks the index privilege `read` on `other-*`; add it to its role",
            "the user lacks the index privilege `view_index_metadata` on `other-*`; add it to its role",
        )


def test_names_the_permission_that_the_calls_of_an_opensearch_lack() -> None:
    table, _ = fake_server.opensearch("3.6.0")
    reason = "no permissions for [indices:data/read/search] and User [name=w, backend_roles=[]]"
    refusal = Reply(status=403, body={"error": {"type": "security_exception", "reason": reason}})
    with serving(table, refusal) as fake, connections(replace(fake.cluster, api_key=Secret("k"))) as opened:
        (first, *_) = privileges.missing(opened, "winlogbeat-*", "watcher")
    assert first == (
        "checking privileges: the user lacks the permission `indices:data/read/search`; add it to its role"
    )


# --------------------------------------------------------------------------- what nodes wrote


def test_returns_the_bytes_that_the_nodes_wrote(events: EventSource, lent: Indices) -> None:
    before = events.written_bytes("winlogbeat-*")
    lent.make("winlogbeat-written", {"dynamic": False, "properties": TIME})
    lent.fill("winlogbeat-written", [{"@timestamp": "2026-03-01T12:00:00Z", "text": "x" * 100_000}] * 10)
    after = events.written_bytes("winlogbeat-*")
    assert before is not None
    assert after is not None
    assert after.continues(before)
    assert after.bytes - before.bytes > 1_000_000
    assert after.writes - before.writes >= 10
    assert after.heap >= 2**30
    assert events.written_bytes("other:winlogbeat-*") is None


# --------------------------------------------------------------------------- cached mappings


def recording(events: EventSource, requested: list[str]) -> EventSource:
    """Record the paths that a port requests."""

    class Recording:
        def __init__(self, transport: Any) -> None:
            self.transport = transport

        def request(self, method: str, path: str, **more: Any) -> Any:
            requested.append(path)
            return self.transport.request(method, path, **more)

        def close(self) -> None:
            self.transport.close()

    return replace(events, transport=Recording(events.transport))  # type: ignore[type-var]


def test_a_mapping_is_read_again_only_when_a_version_has_changed(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-kept-1", {"properties": TIME})
    requested: list[str] = []
    port = recording(events, requested)
    first = port.mapping("winlogbeat-kept-*", ["a", "b"])
    read = len(requested)
    assert port.mapping("winlogbeat-kept-*", ["a", "b"]) is first
    assert len(requested) == read + 2  # the versions, and what a search reaches
    lent.fill("winlogbeat-kept-1", [{"a": "x"}])  # maps a field
    second = port.mapping("winlogbeat-kept-*", ["a", "b"])
    assert "a" in second.fields
    lent.make("winlogbeat-kept-2", {"properties": TIME})  # a further index
    assert port.mapping("winlogbeat-kept-*", ["a", "b"]).indices == ("winlogbeat-kept-1", "winlogbeat-kept-2")
    lent.ask("POST", "/winlogbeat-kept-2/_close")
    assert port.mapping("winlogbeat-kept-*", ["a", "b"]).closed == ("winlogbeat-kept-2",)


# --------------------------------------------------------------------------- counts

STEP = timedelta(minutes=5)


def test_counts_events_by_steps_on_the_grid_and_leaves_empty_ones_out(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-steps-ms", {"properties": TIME})
    lent.make("winlogbeat-steps-ns", {"properties": {"@timestamp": {"type": "date_nanos"}}})
    edges = ("11:59:59.999", "12:00:00.000", "12:04:59.999", "12:05:00.000", "12:59:59.999", "13:00:00.000")
    for name in ("ms", "ns"):
        lent.fill(f"winlogbeat-steps-{name}", [{"@timestamp": f"2026-03-01T{edge}Z"} for edge in edges])
    with events.open("winlogbeat-steps-*", HOUR, time_field="@timestamp") as snapshot:
        assert snapshot.counts(STEP) == {START: 4, START + STEP: 2, START + 11 * STEP: 2}
    odd = Window(start=START + timedelta(minutes=3), end=START + timedelta(minutes=6))
    with events.open("winlogbeat-steps-*", odd, time_field="@timestamp") as snapshot:
        assert snapshot.counts(STEP) == {START: 2, START + STEP: 2}  # named by the slice, counted within the window


def test_counts_years_of_events_before_and_after_1970(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-old", {"properties": TIME})
    lent.fill("winlogbeat-old", [{"@timestamp": "1969-12-31T23:59:59Z"}, {"@timestamp": "1970-01-01T00:00:00Z"}])
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    window = Window(start=epoch - timedelta(days=1), end=epoch + timedelta(days=1))
    with events.open("winlogbeat-old", window, time_field="@timestamp") as snapshot:
        assert snapshot.counts(STEP) == {epoch - STEP: 1, epoch: 1}


def test_counts_the_events_of_the_moment_of_opening(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-still", {"properties": TIME})
    lent.fill("winlogbeat-still", [{"@timestamp": "2026-03-01T12:00:00Z"}])
    with events.open("winlogbeat-still", HOUR, time_field="@timestamp") as snapshot:
        lent.ask("POST", "/winlogbeat-still/_doc?refresh=true", {"@timestamp": "2026-03-01T12:00:01Z"})
        assert snapshot.counts(STEP) == {START: 1}
        assert page(snapshot.search([SearchRequest(query=EVERYTHING, size=0)])[0]).total == 1


def test_counts_nothing_without_an_index(events: EventSource) -> None:
    with events.open("winlogbeat-nowhere-*", HOUR, time_field="@timestamp") as snapshot:
        assert snapshot.counts(STEP) == {}


def test_a_count_that_misses_an_index_is_incomplete(events: EventSource, lent: Indices) -> None:
    lent.make("winlogbeat-lost-1", {"properties": TIME})
    lent.make("winlogbeat-lost-2", {"properties": TIME})
    with events.open("winlogbeat-lost-*", HOUR, time_field="@timestamp") as snapshot:
        lent.ask("DELETE", "/winlogbeat-lost-2")
        with pytest.raises(Incomplete):
            snapshot.counts(STEP)
