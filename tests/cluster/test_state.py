from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import fake_server
import pytest
from engines import Running
from fake_server import Reply, serving
from indices import Indices, connected, indices

from watcher.cluster.state import LARGEST, MOST, _runs
from watcher.errors import Overloaded
from watcher.ports import Created, Draft, State, Stored

STRICT = {"dynamic": "strict", "properties": {"n": {"type": "long"}, "text": {"type": "keyword", "doc_values": False}}}


@pytest.fixture
def lent(engine: Running) -> Iterator[Indices]:
    with indices(engine.admin()) as made:
        yield made


@pytest.fixture
def state(engine: Running) -> Iterator[State]:
    """As the least privileged user that watcher runs as."""
    with connected(engine.cluster()) as opened:
        yield opened.state()


def draft(name: str, key: str, **document: Any) -> Draft:
    return Draft(index=f"watcher-{name}", id=key, document=document)


def read(state: State, name: str, key: str) -> Stored:
    (stored,) = state.get([(f"watcher-{name}", key)])
    assert stored is not None
    return stored


def test_creates_once_and_says_the_second_time_that_it_was_there(state: State, lent: Indices) -> None:
    lent.make("watcher-once", STRICT)
    assert state.create([draft("once", "a", n=1)]) == [Created(id="a", new=True)]
    again = state.create([draft("once", "a", n=2), draft("once", "b", n=3), draft("once", "b", n=4)])
    assert again == [Created(id="a", new=False), Created(id="b", new=True), Created(id="b", new=False)]
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
        [draft("refused", "a", n=1), Draft(index="watcher-refused", id="b", document=document), draft("refused", "c")]
    )
    assert (first.new, refused.new, last.new) == (True, False, True)
    assert refused.error is not None
    assert said in refused.error
    assert state.get([("watcher-refused", "b")]) == [None]


def test_creates_more_than_one_request_holds(state: State, lent: Indices) -> None:
    lent.make("watcher-many", {"properties": {"text": {"type": "keyword", "index": False, "doc_values": False}}})
    drafts = [draft("many", str(n), text=str(n) * 5_000) for n in range(1_200)]
    assert state.create(drafts) == [Created(id=str(n), new=True) for n in range(1_200)]
    assert [stored.id for stored in state.get([(d.index, d.id) for d in drafts]) if stored] == [d.id for d in drafts]


def test_splits_by_count_and_by_size() -> None:
    small = [draft("x", str(n)) for n in range(MOST + 1)]
    assert [len(run) for run in _runs(small)] == [MOST, 1]
    large = [draft("x", str(n), text="x" * (LARGEST // 2)) for n in range(3)]
    assert [len(run) for run in _runs(large)] == [1, 1, 1]
    assert [d.id for run in _runs(large) for d in run] == ["0", "1", "2"]


def test_keeps_text_of_any_shape(state: State, lent: Indices) -> None:
    lent.make("watcher-shape", {"enabled": False})
    odd = {
        "half": "\ud800 of a pair",
        "rtl": "\u202egpj.exe",
        "zero": "a\x00b",
        "emoji": "\U0001f600",
        "esc": "\x1b[2J",
    }
    assert state.create([draft("shape", "a", **odd)]) == [Created(id="a", new=True)]
    assert read(state, "shape", "a").document == odd


def test_reads_at_once_what_no_search_sees_yet(state: State, lent: Indices) -> None:
    lent.make("watcher-fresh", STRICT, refresh_interval="-1")
    state.create([draft("fresh", "a", n=1)])
    found = state.get([("watcher-absent", "a"), ("watcher-fresh", "a"), ("watcher-fresh", "b")])
    assert [stored and stored.document for stored in found] == [None, {"n": 1}, None]
    assert state.search("watcher-fresh", {"match_all": {}}, size=10) == []
    state.refresh("watcher-fresh")
    (stored,) = state.search("watcher-fresh", {"match_all": {}}, size=10)
    assert stored == found[1]


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
    found = state.search("watcher-sorted*", {"range": {"n": {"gte": 2}}}, size=10, sort=[{"n": "desc"}])
    assert [stored.document["n"] for stored in found] == [3, 2]
    for absent in ("watcher-nowhere-*", "watcher-nowhere"):
        assert state.search(absent, {"match_all": {}}, size=10) == []
        state.refresh(absent)


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
    assert state.create([draft("blocked", "a", n=1)]) == [Created(id="a", new=True)]


def test_a_closed_index_is_not_the_document_s_fault(state: State, lent: Indices) -> None:
    lent.make("watcher-shut", STRICT)
    lent.ask("POST", "/watcher-shut/_close")
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
        connected(fake.cluster) as opened,
        pytest.raises(Overloaded),
    ):
        opened.state().create([draft("x", "a"), draft("x", "b")])


def test_a_document_too_large_for_the_way_is_refused_alone() -> None:
    table, otherwise = fake_server.elasticsearch("8.19.0")
    with serving({**table, "/_bulk": Reply(status=413)}, otherwise) as fake, connected(fake.cluster) as opened:
        created = opened.state().create([draft("x", "a"), draft("x", "b")])
    assert [(one.id, one.new, one.error is None) for one in created] == [("a", False, False), ("b", False, False)]
