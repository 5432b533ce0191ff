from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support import fake_cluster as fake_server
from support.borrowed_indices import Indices, connections, indices
from support.engines import Running
from support.fake_cluster import Reply, serving

from watcher.cluster.document_cluster import MAX_BULK_BYTES, MAX_BULK_DOCUMENTS, bulk_batches
from watcher.errors import Overloaded, Refused
from watcher.ports import CreateResult, NewDocument, PartialUpdate, State, StateQuery, StoredDocument

STRICT = {"dynamic": "strict", "properties": {"n": {"type": "long"}, "text": {"type": "keyword", "doc_values": False}}}


@pytest.fixture
def lent(engine: Running) -> Iterator[Indices]:
    with indices(engine.admin()) as made:
        yield made


@pytest.fixture
def state(engine: Running) -> Iterator[State]:
    """As the least privileged user that watcher runs as."""
    with connections(engine.cluster()) as opened:
        yield opened.state()


def draft(name: str, key: str, **document: Any) -> NewDocument:
    return NewDocument(index=f"watcher-{name}", id=key, document=document)


def everything(index: str) -> StateQuery:
    return StateQuery(index=index, query={"match_all": {}}, size=10)


def read(state: State, name: str, key: str) -> StoredDocument:
    (stored,) = state.get([(f"watcher-{name}", key)])
    assert stored is not None
    return stored


def test_creates_once_and_says_the_second_time_that_it_was_there(state: State, lent: Indices) -> None:
    lent.make("watcher-once", STRICT)
    assert state.create([draft("once", "a", n=1)]) == [CreateResult(id="a", new=True)]
    again = state.create([draft("once", "a", n=2), draft("once", "b", n=3), draft("once", "b", n=4)])
    assert again == [CreateResult(id="a", new=False), CreateResult(id="b", new=True), CreateResult(id="b", new=False)]
    assert read(state, "once", "a").document == {"n": 1}
    assert read(state, "once", "b").document == {"n": 3}


def test_creates_nothing_of_nothing(state: State) -> None:
    assert state.create([]) == []
    assert state.get([]) == []


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"unknown": 1}, "unknown"),
        ({"n": "not a number"}, "failed to parse field [n]"),
        ({"text": "x" * 40_000}, "immense term"),
    ],
)
def test_one_refused_document_does_not_fail_the_others(
    state: State, lent: Indices, document: Mapping[str, Any], said: str
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
    assert said in refused.error
    assert state.get([("watcher-refused", "b")]) == [None]


def test_creates_more_than_one_request_holds(state: State, lent: Indices) -> None:
    lent.make("watcher-many", {"properties": {"text": {"type": "keyword", "index": False, "doc_values": False}}})
    drafts = [draft("many", str(n), text=str(n) * 5_000) for n in range(1_200)]
    assert state.create(drafts) == [CreateResult(id=str(n), new=True) for n in range(1_200)]
    assert [stored.id for stored in state.get([(d.index, d.id) for d in drafts]) if stored] == [d.id for d in drafts]


def test_splits_by_count_and_by_size() -> None:
    small = [draft("x", str(n)) for n in range(MAX_BULK_DOCUMENTS + 1)]
    assert [len(batch) for batch in bulk_batches(small)] == [MAX_BULK_DOCUMENTS, 1]
    large = [draft("x", str(n), text="x" * (MAX_BULK_BYTES // 2)) for n in range(3)]
    assert [len(batch) for batch in bulk_batches(large)] == [1, 1, 1]
    assert [d.id for batch in bulk_batches(large) for d in batch] == ["0", "1", "2"]


def test_keeps_text_of_any_shape(state: State, lent: Indices) -> None:
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


def test_reads_at_once_what_no_search_sees_yet(state: State, lent: Indices) -> None:
    lent.make("watcher-fresh", STRICT, refresh_interval="-1")
    state.create([draft("fresh", "a", n=1)])
    found = state.get([("watcher-absent", "a"), ("watcher-fresh", "a"), ("watcher-fresh", "b")])
    assert [stored and stored.document for stored in found] == [None, {"n": 1}, None]
    assert state.search(everything("watcher-fresh")) == []
    state.refresh("watcher-fresh")
    (stored,) = state.search(everything("watcher-fresh"))
    assert found[1] is not None
    assert (stored.document, stored.seq_no) == (found[1].document, found[1].seq_no)


def test_replaces_only_what_nobody_else_wrote(state: State, lent: Indices) -> None:
    lent.make("watcher-race", STRICT)
    state.create([draft("race", "a/b c", n=1)])
    mine = theirs = read(state, "race", "a/b c")
    assert state.replace(theirs, {"n": 2}) is True
    assert state.replace(mine, {"n": 3}) is False
    fresh = read(state, "race", "a/b c")
    assert fresh.document == {"n": 2}
    assert state.replace(fresh, {"n": 3}) is True


def test_searches_sorted_and_finds_nothing_where_no_index_is(state: State, lent: Indices) -> None:
    lent.make("watcher-sorted", STRICT)
    state.create([draft("sorted", str(n), n=n) for n in (2, 3, 1)])
    state.refresh("watcher-sorted*")
    found = state.search(
        StateQuery(index="watcher-sorted*", query={"range": {"n": {"gte": 2}}}, size=10, sort=[{"n": "desc"}])
    )
    assert [stored.document["n"] for stored in found] == [3, 2]
    for absent in ("watcher-nowhere-*", "watcher-nowhere"):
        assert state.search(everything(absent)) == []
        state.refresh(absent)


def test_pages_by_sort_values_and_reads_only_what_is_asked_for(state: State, lent: Indices) -> None:
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
    found: list[StoredDocument] = []
    while page := state.search(replace(state_query, after=found[-1].sort if found else ())):
        found += page
    assert [one.document for one in found] == [{"n": n} for n in range(25)]
    # what a search found can be changed under its condition
    (made,) = state.update([PartialUpdate(stored=found[3], part={"n": 33})])
    assert made is not None
    assert read(state, "paged-2", "3").document == {"n": 33, "text": "same"}


def test_counts_what_a_query_finds(state: State, lent: Indices) -> None:
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


def test_amends_a_part_merging_objects_and_replacing_lists(state: State, lent: Indices) -> None:
    lent.make("watcher-amended", NESTED)
    deliveries = [
        {"channel": "mail", "state": "pending", "due": "2026-11-23T12:00:00Z"},
        {"channel": "slack", "state": "pending"},
    ]
    state.create([draft("amended", "a", deliveries=deliveries, own={"state": "open", "by": "nobody"})])
    changed = [{"channel": "mail", "state": "sent"}, deliveries[1]]
    part = {"deliveries": changed, "own": {"state": "closed"}}
    (made,) = state.update([PartialUpdate(stored=read(state, "amended", "a"), part=part)])
    assert made is not None
    assert made.document == part
    fresh = read(state, "amended", "a")
    assert fresh.document == {"deliveries": changed, "own": {"state": "closed", "by": "nobody"}}
    # what it gave is enough for the next change
    assert made.seq_no == fresh.seq_no
    assert state.update([PartialUpdate(stored=made, part={"own": {"by": "me"}})]) != [None]


def test_amends_each_on_its_own_and_only_what_nobody_else_wrote(state: State, lent: Indices) -> None:
    lent.make("watcher-amend", STRICT)
    state.create([draft("amend", key, n=1) for key in ("a", "b", "c")])
    first, second, third = (read(state, "amend", key) for key in ("a", "b", "c"))
    assert state.replace(second, {"n": 2})
    gone = replace(third, id="never-there")
    made = state.update([PartialUpdate(stored=one, part={"n": 9}) for one in (first, second, gone, third)])
    assert [one is not None for one in made] == [True, False, False, True]
    assert [read(state, "amend", key).document["n"] for key in ("a", "b", "c")] == [9, 2, 9]
    assert state.update([]) == []


def test_amends_more_than_one_request_holds(state: State, lent: Indices) -> None:
    lent.make("watcher-amends", STRICT)
    drafts = [draft("amends", str(n), n=0) for n in range(MAX_BULK_DOCUMENTS + 1)]
    state.create(drafts)
    stored = [one for one in state.get([(d.index, d.id) for d in drafts]) if one is not None]
    made = state.update([PartialUpdate(stored=one, part={"n": 1}) for one in stored])
    assert [one.id for one in made if one] == [d.id for d in drafts]


def test_a_part_that_the_mapping_does_not_take_is_an_error(state: State, lent: Indices) -> None:
    lent.make("watcher-misfit", STRICT)
    state.create([draft("misfit", "a", n=1)])
    with pytest.raises(Refused, match="watcher-misfit"):
        state.update([PartialUpdate(stored=read(state, "misfit", "a"), part={"unknown": 1})])


def test_a_change_of_a_blocked_index_is_a_fault_that_passes(state: State, lent: Indices) -> None:
    lent.make("watcher-stuck", STRICT)
    state.create([draft("stuck", "a", n=1)])
    lent.ask("PUT", "/watcher-stuck/_settings", {"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Overloaded, match="writing is blocked until an operator lifts it"):
        state.update([PartialUpdate(stored=read(state, "stuck", "a"), part={"n": 2})])
    lent.ask("PUT", "/watcher-stuck/_settings", {"index.blocks.read_only_allow_delete": None})


def test_names_its_indices_adds_fields_to_one_and_drops_another(engine: Running, lent: Indices) -> None:
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


def test_an_engine_without_a_lifecycle_service_says_so(engine: Running) -> None:
    with connections(engine.admin()) as opened:
        assert opened.state().keep_for("watcher-hits", "watcher-hits-*", timedelta(days=396)) is None


def test_installs_a_template_and_tells_its_version(state: State, lent: Indices) -> None:
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


def test_a_blocked_index_is_a_fault_that_passes_and_nothing_is_lost(state: State, lent: Indices) -> None:
    lent.make("watcher-blocked", STRICT)
    lent.ask("PUT", "/watcher-blocked/_settings", {"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Overloaded, match="writing is blocked until an operator lifts it"):
        state.create([draft("blocked", "a", n=1)])
    lent.ask("PUT", "/watcher-blocked/_settings", {"index.blocks.read_only_allow_delete": None})
    assert state.create([draft("blocked", "a", n=1)]) == [CreateResult(id="a", new=True)]


def test_a_closed_index_is_not_the_document_s_fault(state: State, lent: Indices) -> None:
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
def test_a_fault_of_one_document_that_may_pass_is_raised(status: int, error: Mapping[str, Any]) -> None:
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


def test_a_document_too_large_for_the_way_is_refused_alone() -> None:
    table, otherwise = fake_server.elasticsearch("8.19.0")
    with serving({**table, "/_bulk": Reply(status=413)}, otherwise) as fake, connections(fake.cluster) as opened:
        created = opened.state().create([draft("x", "a"), draft("x", "b")])
    assert [(one.id, one.new, one.error is None) for one in created] == [("a", False, False), ("b", False, False)]


@pytest.mark.parametrize("change", ["amend", "replace"])
def test_an_index_that_the_engine_makes_for_a_change_of_what_is_gone_is_told_from_one_of_a_template(
    state: State, lent: Indices, change: str
) -> None:
    lent.make("watcher-gone", STRICT)
    state.create([draft("gone", "a", n=1)])
    stored = read(state, "gone", "a")
    assert state.strict("watcher-gone*") == ["watcher-gone"]
    lent.ask("DELETE", "/watcher-gone")
    assert state.strict("watcher-gone*") == []
    if change == "amend":
        assert state.update([PartialUpdate(stored=stored, part={"n": 2})]) == [None]
    else:
        assert not state.replace(stored, {"n": 3})
    assert state.indices("watcher-gone") == ["watcher-gone"]
    assert state.strict("watcher-gone") == []
    lent.ask("PUT", "/watcher-gone/_mapping", STRICT)
    assert state.strict("watcher-gone") == ["watcher-gone"]
