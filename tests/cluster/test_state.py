from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support import fake_cluster as fake_server
from support.borrowed_indices import Indices, connections
from support.engines import Running
from support.fake_cluster import Reply, serving

from watcher.cluster.connections import Connection
from watcher.cluster.document_cluster import MAX_BULK_BYTES, MAX_BULK_DOCUMENTS, DocumentCluster, bulk_batches
from watcher.cluster.engine_transport import Answer
from watcher.errors import Overloaded, Refused
from watcher.ports import CreateResult, NewDocument, PartialUpdate, State, StateQuery, StoredDocument

STRICT = {"dynamic": "strict", "properties": {"n": {"type": "long"}, "text": {"type": "keyword", "doc_values": False}}}


@pytest.fixture
def state(connection: Connection) -> State:
    return connection.state()


def draft(name: str, key: str, **document: Any) -> NewDocument:
    return NewDocument(index=f"watcher-{name}", id=key, document=document)


def everything(index: str) -> StateQuery:
    return StateQuery(index=index, query={"match_all": {}}, size=10)


def read(state: State, name: str, key: str) -> StoredDocument:
    (stored,) = state.get([(f"watcher-{name}", key)])
    assert stored is not None
    return stored


def test_creates_a_document_once_and_reports_that_it_exists(state: State, lent: Indices) -> None:
    lent.make("watcher-once", STRICT)
    assert state.create([draft("once", "a", n=1)]) == [CreateResult(id="a", new=True)]
    again = state.create([draft("once", "a", n=2), draft("once", "b", n=3), draft("once", "b", n=4)])
    assert again == [CreateResult(id="a", new=False), CreateResult(id="b", new=True), CreateResult(id="b", new=False)]
    assert read(state, "once", "a").document == {"n": 1}
    assert read(state, "once", "b").document == {"n": 3}


def test_empty_lists_create_and_read_nothing(state: State) -> None:
    assert state.create([]) == []
    assert state.get([]) == []
    assert state.exist([]) == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"unknown": 1}, "unknown"),
        ({"n": "not a number"}, "failed to parse field [n]"),
        ({"text": "x" * 40_000}, "immense term"),
    ],
)
def test_one_refused_document_does_not_fail_the_others(
    state: State, lent: Indices, document: Mapping[str, Any], message: str
) -> None:
    lent.make("watcher-refused", STRICT)
    first, refused, last = state.create(
        [
            draft("refused", "a", n=1),
            NewDocument(index="watcher-refused", id="b", document=document),
            draft("refused", "c"),
        ]
    )
    assert (first.new, refused.new, last.new) == (True, False, True)
    assert refused.error is not None
    assert message in refused.error
    assert state.get([("watcher-refused", "b")]) == [None]


def test_creates_more_than_one_request_holds(state: State, lent: Indices) -> None:
    lent.make("watcher-many", {"properties": {"text": {"type": "keyword", "index": False, "doc_values": False}}})
    drafts = [draft("many", str(n), text=str(n) * 5_000) for n in range(1_200)]
    assert state.create(drafts) == [CreateResult(id=str(n), new=True) for n in range(1_200)]
    keys = [(d.index, d.id) for d in drafts]
    assert [stored.id for stored in state.get(keys) if stored] == [d.id for d in drafts]
    assert list(state.exist([*keys, ("watcher-many", "none"), ("watcher-none", "0")])) == [True] * 1_200 + [False] * 2


def test_splits_by_count_and_by_size() -> None:
    small = [draft("x", str(n)) for n in range(MAX_BULK_DOCUMENTS + 1)]
    assert [len(batch) for batch in bulk_batches(small)] == [MAX_BULK_DOCUMENTS, 1]
    large = [draft("x", str(n), text="x" * (MAX_BULK_BYTES // 2)) for n in range(3)]
    assert [len(batch) for batch in bulk_batches(large)] == [1, 1, 1]
    assert [d.id for batch in bulk_batches(large) for d in batch] == ["0", "1", "2"]


def test_keeps_any_string_unchanged(state: State, lent: Indices) -> None:
    lent.make("watcher-shape", {"enabled": False})
    odd = {
        "half": "\ud800 of a pair",
        "rtl": "\u202egpj.exe",
        "zero": "a\x00b",
        "emoji": "\U0001f600",
        "esc": "\x1b[2J",
    }
    assert state.create([draft("shape", "a", **odd)]) == [CreateResult(id="a", new=True)]
    assert read(state, "shape", "a").document == odd


def test_reads_documents_before_a_refresh(state: State, lent: Indices) -> None:
    lent.make("watcher-fresh", STRICT, refresh_interval="-1")
    state.create([draft("fresh", "a", n=1)])
    documents = state.get([("watcher-absent", "a"), ("watcher-fresh", "a"), ("watcher-fresh", "b")])
    assert [stored and stored.document for stored in documents] == [None, {"n": 1}, None]
    assert state.search(everything("watcher-fresh")) == []
    state.refresh("watcher-fresh")
    (stored,) = state.search(everything("watcher-fresh"))
    assert documents[1] is not None
    assert (stored.document, stored.seq_no) == (documents[1].document, documents[1].seq_no)


def test_replaces_only_the_version_that_was_read(state: State, lent: Indices) -> None:
    lent.make("watcher-race", STRICT)
    state.create([draft("race", "a/b c", n=1)])
    first = second = read(state, "race", "a/b c")
    assert state.replace(second, {"n": 2}) is True
    assert state.replace(first, {"n": 3}) is False
    fresh = read(state, "race", "a/b c")
    assert fresh.document == {"n": 2}
    assert state.replace(fresh, {"n": 3}) is True


def test_searches_in_order_and_returns_nothing_without_an_index(state: State, lent: Indices) -> None:
    lent.make("watcher-sorted", STRICT)
    state.create([draft("sorted", str(n), n=n) for n in (2, 3, 1)])
    state.refresh("watcher-sorted*")
    hits = state.search(
        StateQuery(index="watcher-sorted*", query={"range": {"n": {"gte": 2}}}, size=10, sort=[{"n": "desc"}])
    )
    assert [stored.document["n"] for stored in hits] == [3, 2]
    for absent in ("watcher-nowhere-*", "watcher-nowhere"):
        assert state.search(everything(absent)) == []
        state.refresh(absent)


def test_pages_by_sort_values_and_reads_only_the_requested_paths(state: State, lent: Indices) -> None:
    for name in ("1", "2"):
        lent.make(f"watcher-paged-{name}", {"properties": {"n": {"type": "long"}, "text": {"type": "keyword"}}})
    drafts = [draft(f"paged-{n % 2 + 1}", str(n), n=n, text="same") for n in range(25)]
    state.create(drafts)
    state.refresh("watcher-paged-*")
    state_query = StateQuery(
        index="watcher-paged-*",
        query={"term": {"text": "same"}},
        size=10,
        sort=[{"text": "asc"}, {"n": "asc"}],
        only=["n"],
    )
    hits: list[StoredDocument] = []
    while page := state.search(replace(state_query, after=hits[-1].sort if hits else ())):
        hits += page
    assert [hit.document for hit in hits] == [{"n": n} for n in range(25)]
    # the hits of a search can be updated conditionally
    (updated,) = state.update([PartialUpdate(stored=hits[3], part={"n": 33})])
    assert updated is not None
    assert read(state, "paged-2", "3").document == {"n": 33, "text": "same"}


def test_counts_the_documents_that_match_a_query(state: State, lent: Indices) -> None:
    lent.make("watcher-counted", STRICT)
    state.create([draft("counted", str(n), n=n) for n in range(7)])
    state.refresh("watcher-counted")
    assert state.count("watcher-counted", {"range": {"n": {"gte": 3}}}) == 4
    assert state.count("watcher-nowhere-*", {"match_all": {}}) == 0


NESTED = {
    "dynamic": "strict",
    "properties": {
        "deliveries": {
            "properties": {"channel": {"type": "keyword"}, "state": {"type": "keyword"}, "due": {"type": "date"}}
        },
        "own": {"properties": {"state": {"type": "keyword"}, "by": {"type": "keyword"}}},
    },
}


def test_updates_a_part_merging_objects_and_replacing_lists(state: State, lent: Indices) -> None:
    lent.make("watcher-amended", NESTED)
    deliveries = [
        {"channel": "mail", "state": "pending", "due": "2026-11-23T12:00:00Z"},
        {"channel": "slack", "state": "pending"},
    ]
    state.create([draft("amended", "a", deliveries=deliveries, own={"state": "open", "by": "nobody"})])
    changed = [{"channel": "mail", "state": "sent"}, deliveries[1]]
    part = {"deliveries": changed, "own": {"state": "closed"}}
    (updated,) = state.update([PartialUpdate(stored=read(state, "amended", "a"), part=part)])
    assert updated is not None
    assert updated.document == part
    fresh = read(state, "amended", "a")
    assert fresh.document == {"deliveries": changed, "own": {"state": "closed", "by": "nobody"}}
    # the result is enough for the next update
    assert updated.seq_no == fresh.seq_no
    assert state.update([PartialUpdate(stored=updated, part={"own": {"by": "me"}})]) != [None]


def test_updates_each_document_only_if_it_is_unchanged(state: State, lent: Indices) -> None:
    lent.make("watcher-amend", STRICT)
    state.create([draft("amend", key, n=1) for key in ("a", "b", "c")])
    first, second, third = (read(state, "amend", key) for key in ("a", "b", "c"))
    assert state.replace(second, {"n": 2})
    gone = replace(third, id="never-there")
    outcomes = state.update([PartialUpdate(stored=stored, part={"n": 9}) for stored in (first, second, gone, third)])
    assert [outcome is not None for outcome in outcomes] == [True, False, False, True]
    assert [read(state, "amend", key).document["n"] for key in ("a", "b", "c")] == [9, 2, 9]
    assert state.update([]) == []


class LargeDocuments:
    """A transport on which each document has 300,000 bytes; it notes how many are read at a time."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def request(self, method: str, path: str, *, body: Any = None, **_: object) -> Answer:
        assert (method, path) == ("POST", "/_mget")
        docs = body["docs"]
        self.counts.append(len(docs))
        content = {"found": True, "_seq_no": 1, "_primary_term": 1, "_source": {"text": "x" * 300_000}}
        value = {"docs": [{**key, **content} for key in docs]}
        return Answer(status=200, headers={"content-type": "application/json"}, raw=json.dumps(value).encode())

    def close(self) -> None:
        """Do nothing."""


def test_documents_are_read_by_their_bytes() -> None:
    transport = LargeDocuments()
    keys = [("watcher-large", str(number)) for number in range(200)]
    documents = DocumentCluster(transport=transport).get(keys)
    assert [stored.id for stored in documents if stored] == [key for _, key in keys]
    assert transport.counts[0] == 50
    assert max(transport.counts[1:]) <= 20


class LimitedBulk:
    """A transport behind a proxy that takes requests up to a limit; it notes the bytes of those that it takes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lengths: list[int] = []

    def request(self, method: str, path: str, *, body: Any = None, **_: object) -> Answer:
        assert (method, path) == ("POST", "/_bulk")
        length = sum(len(json.dumps(line)) + 1 for line in body)
        if length > self.limit:
            return Answer(status=413, value="too large")
        self.lengths.append(length)
        actions = [line["update"] for line in body if "update" in line]
        items = [
            {
                "update": {
                    "_index": action["_index"],
                    "_id": action["_id"],
                    "status": 200,
                    "_seq_no": 2,
                    "_primary_term": 1,
                }
            }
            for action in actions
        ]
        return Answer(status=200, value={"errors": False, "items": items})

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("limit", [2 * MAX_BULK_BYTES, 700_000])
def test_partial_updates_are_bounded_by_their_bytes(limit: int) -> None:
    """50 changes of 300,000 bytes each; a proxy may take less than the engine does."""
    transport = LimitedBulk(limit)
    changes = [
        PartialUpdate(
            stored=StoredDocument(index="watcher-large", id=str(number), document={}, seq_no=1, primary_term=1),
            part={"text": "x" * 300_000},
        )
        for number in range(50)
    ]
    outcomes = DocumentCluster(transport=transport).update(changes)
    assert [outcome.id for outcome in outcomes if outcome] == [str(number) for number in range(50)]
    assert len(transport.lengths) > 1
    assert max(transport.lengths) <= min(limit, MAX_BULK_BYTES + 100_000)


def test_updates_more_than_one_request_holds(state: State, lent: Indices) -> None:
    lent.make("watcher-amends", STRICT)
    drafts = [draft("amends", str(n), n=0) for n in range(MAX_BULK_DOCUMENTS + 1)]
    state.create(drafts)
    stored = [document for document in state.get([(d.index, d.id) for d in drafts]) if document is not None]
    outcomes = state.update([PartialUpdate(stored=document, part={"n": 1}) for document in stored])
    assert [outcome.id for outcome in outcomes if outcome] == [d.id for d in drafts]


def test_a_part_that_the_mapping_refuses_is_an_error(state: State, lent: Indices) -> None:
    lent.make("watcher-misfit", STRICT)
    state.create([draft("misfit", "a", n=1)])
    with pytest.raises(Refused, match="watcher-misfit"):
        state.update([PartialUpdate(stored=read(state, "misfit", "a"), part={"unknown": 1})])


def test_an_update_of_a_blocked_index_is_a_temporary_fault(state: State, lent: Indices) -> None:
    lent.make("watcher-stuck", STRICT)
    state.create([draft("stuck", "a", n=1)])
    lent.ask("PUT", "/watcher-stuck/_settings", {"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Overloaded, match="writing is blocked until an operator lifts it"):
        state.update([PartialUpdate(stored=read(state, "stuck", "a"), part={"n": 2})])
    lent.ask("PUT", "/watcher-stuck/_settings", {"index.blocks.read_only_allow_delete": None})


def test_lists_indices_adds_fields_and_deletes_an_index(engine: Running, lent: Indices) -> None:
    lent.make("watcher-old-2026.01", STRICT)
    lent.make("watcher-old-2026.02", STRICT)
    with connections(engine.admin()) as opened:
        admin = opened.state()
        assert admin.indices("watcher-old-*") == ["watcher-old-2026.01", "watcher-old-2026.02"]
        assert admin.indices("watcher-nowhere-*") == []
        admin.put_mapping("watcher-old-2026.01", {"properties": {"new": {"type": "keyword"}}})
        assert admin.create([NewDocument(index="watcher-old-2026.01", id="a", document={"n": 1, "new": "x"})])[0].new
        admin.drop("watcher-old-2026.02")
        admin.drop("watcher-old-2026.02")  # it may be gone already
        assert admin.indices("watcher-old-*") == ["watcher-old-2026.01"]


def test_an_engine_without_a_lifecycle_service_returns_none(engine: Running) -> None:
    with connections(engine.admin()) as opened:
        assert opened.state().keep_for("watcher-hits", "watcher-hits-*", timedelta(days=396)) is None


def test_installs_a_template_and_returns_its_version(state: State, lent: Indices) -> None:
    name = "watcher-test-template"
    template = {"index_patterns": ["watcher-tt-*"], "priority": 200, "version": 3, "template": {"mappings": STRICT}}
    try:
        assert state.template_version(name) is None
        state.put_template(name, template)
        assert state.template_version(name) == 3
        state.put_template(name, {key: value for key, value in template.items() if key != "version"})
        assert state.template_version(name) == 0
        lent.names.add("watcher-tt-1")
        (refused,) = state.create([draft("tt-1", "a", unknown=1)])
        assert refused.error is not None
    finally:
        lent.ask("DELETE", f"/_index_template/{name}")


def test_a_blocked_index_is_a_temporary_fault_and_nothing_is_lost(state: State, lent: Indices) -> None:
    lent.make("watcher-blocked", STRICT)
    lent.ask("PUT", "/watcher-blocked/_settings", {"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Overloaded, match="writing is blocked until an operator lifts it"):
        state.create([draft("blocked", "a", n=1)])
    lent.ask("PUT", "/watcher-blocked/_settings", {"index.blocks.read_only_allow_delete": None})
    assert state.create([draft("blocked", "a", n=1)]) == [CreateResult(id="a", new=True)]


def test_a_closed_index_is_not_blamed_on_the_document(state: State, lent: Indices) -> None:
    lent.make("watcher-shut", STRICT)
    lent.ask("POST", "/watcher-shut/_close")
    assert state.strict("watcher-shut") == state.indices("watcher-shut")  # it is not taken for one without a template
    with pytest.raises(Overloaded, match="until an operator acts"):
        state.create([draft("shut", "a", n=1)])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, {"type": "es_rejected_execution_exception", "reason": "rejected execution of coordinating operation"}),
        (503, {"type": "unavailable_shards_exception", "reason": "primary shard is not active"}),
        (400, {"type": "validation_exception", "reason": "this action would add [2] shards"}),
        (400, {"type": "illegal_argument_exception", "reason": "no write index is defined for alias [watcher-x]"}),
    ],
)
def test_a_temporary_fault_of_one_document_is_raised(status: int, error: Mapping[str, Any]) -> None:
    items = [
        {"create": {"_index": "watcher-x", "_id": "a", "status": 201}},
        {"create": {"_index": "watcher-x", "_id": "b", "status": status, "error": error}},
    ]
    table, otherwise = fake_server.elasticsearch("8.19.0")
    with (
        serving({**table, "/_bulk": Reply(body={"errors": True, "items": items})}, otherwise) as fake,
        connections(fake.cluster) as opened,
        pytest.raises(Overloaded),
    ):
        opened.state().create([draft("x", "a"), draft("x", "b")])


def test_a_document_too_large_for_a_proxy_is_refused_alone() -> None:
    table, otherwise = fake_server.elasticsearch("8.19.0")
    with serving({**table, "/_bulk": Reply(status=413)}, otherwise) as fake, connections(fake.cluster) as opened:
        created = opened.state().create([draft("x", "a"), draft("x", "b")])
    assert [(result.id, result.new, result.error is None) for result in created] == [
        ("a", False, False),
        ("b", False, False),
    ]


@pytest.mark.parametrize("change", ["update", "replace"])
def test_an_index_created_by_a_write_after_deletion_is_not_taken_for_one_of_a_template(
    state: State, lent: Indices, change: str
) -> None:
    lent.make("watcher-gone", STRICT)
    state.create([draft("gone", "a", n=1)])
    stored = read(state, "gone", "a")
    assert state.strict("watcher-gone*") == ["watcher-gone"]
    lent.ask("DELETE", "/watcher-gone")
    assert state.strict("watcher-gone*") == []
    if change == "update":
        assert state.update([PartialUpdate(stored=stored, part={"n": 2})]) == [None]
    else:
        assert not state.replace(stored, {"n": 3})
    assert state.indices("watcher-gone") == ["watcher-gone"]
    assert state.strict("watcher-gone") == []
    lent.ask("PUT", "/watcher-gone/_mapping", STRICT)
    assert state.strict("watcher-gone") == ["watcher-gone"]
