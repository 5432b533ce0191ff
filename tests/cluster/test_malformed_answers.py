"""Answers of status 200 that no engine sends: each is an error of the cluster, never a traceback or an empty result."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from support import fake_cluster as fake_server
from support.borrowed_indices import TIME, connections, indices
from support.engines import Running
from support.fake_cluster import Reply, serving
from support.replayed_transport import RecordingTransport, ReplayingTransport
from support.seeded import fuzz, mutated

from watcher.cluster import privileges
from watcher.cluster.connections import Connection, connect
from watcher.errors import ClusterError, Malformed, Undecodable
from watcher.model import Window
from watcher.ports import NewDocument, PartialUpdate, Replacement, SearchRequest, StateQuery

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))
EVERYTHING: dict[str, Any] = {"match_all": {}}
PATHS = ("message", "winlog.channel", "winlog.event_data.CommandLine", "host.name", "no.such")
FOREIGN: tuple[Any, ...] = (None, "", "<html>Bad gateway</html>", {}, [], 0, "ok", {"status": "ok"}, [{}], [[]])
"""Bodies that no request of the product is answered with."""

Operation = Callable[[Connection], Any]


def pages(opened: Connection) -> Any:
    """Search a window and count its events."""
    with opened.events().open("winlogbeat-malformed*", HOUR, time_field="@timestamp") as snapshot:
        answers = snapshot.search([SearchRequest(query=EVERYTHING, size=2), SearchRequest(query=EVERYTHING, size=9)])
        for answer in answers:
            if isinstance(answer, ClusterError):
                raise answer
        return [replace(answer, took=0.0) for answer in answers if not isinstance(answer, ClusterError)], (
            snapshot.counts(timedelta(minutes=5))
        )


def stored(opened: Connection) -> Any:
    """Read a document of the state."""
    (document,) = opened.state().get([("watcher-malformed-state", "a")])
    assert document is not None
    return document


OPERATIONS: Mapping[str, Operation] = {
    "time": lambda opened: opened.events().now(),
    # without the limit of clauses, where that of every engine holds if it is unknown, and without the incarnations of
    # the indices, which are read entirely if it is unknown
    "mapping": lambda opened: replace(
        opened.events().mapping("winlogbeat-malformed*", PATHS), max_clauses=0, incarnations={}
    ),
    "search": pages,
    "count": lambda opened: opened.event_counts().count("winlogbeat-malformed*", [HOUR], time_field="@timestamp"),
    "volumes": lambda opened: opened.event_counts().volumes("winlogbeat-malformed*", HOUR, time_field="@timestamp"),
    "privileges": lambda opened: privileges.missing(opened, "winlogbeat-malformed*", "watcher"),
    "get": stored,
    "exist": lambda opened: opened.state().exist([("watcher-malformed-state", "a"), ("watcher-malformed-state", "b")]),
    "create": lambda opened: opened.state().create(
        [NewDocument(index="watcher-malformed-state", id="new", document={"n": 1})]
    ),
    "replace": lambda opened: opened.state().replace(stored(opened), {"n": 2}),
    "replace many": lambda opened: opened.state().replace_many([Replacement(stored=stored(opened), document={"n": 3})]),
    "update": lambda opened: opened.state().update([PartialUpdate(stored=stored(opened), part={"n": 4})]),
    "search the state": lambda opened: opened.state().search(
        StateQuery(index="watcher-malformed-*", query=EVERYTHING, size=9)
    ),
    "count the state": lambda opened: opened.state().count("watcher-malformed-*", EVERYTHING),
    "count by value": lambda opened: opened.state().counts("watcher-malformed-*", EVERYTHING, "kind"),
    "refresh": lambda opened: opened.state().refresh("watcher-malformed-*"),
    "list": lambda opened: opened.state().indices("watcher-malformed-*"),
    "strict": lambda opened: opened.state().strict("watcher-malformed-*"),
    "map": lambda opened: opened.state().put_mapping(
        "watcher-malformed-state", {"properties": {"more": {"type": "keyword"}}}
    ),
    "install": lambda opened: opened.state().put_template(
        "watcher-malformed", {"index_patterns": ["watcher-malformed-none-*"], "version": 3, "template": {}}
    ),
    "version": lambda opened: opened.state().template_version("watcher-malformed"),
    "drop": lambda opened: opened.state().drop("watcher-malformed-dropped"),
}


@pytest.fixture(scope="module")
def opened(engine: Running) -> Iterator[Connection]:
    """Open a connection to an engine with some events and documents of a state."""
    with indices(engine.admin()) as lent, connections(engine.admin()) as connection:
        data = {"CommandLine": {"type": "keyword", "ignore_above": 9}}
        winlog = {"properties": {"channel": {"type": "keyword"}, "event_data": {"properties": data}}}
        code = {"properties": {"code": {"type": "keyword"}}}
        host = {"properties": {"name": {"type": "keyword"}}}
        properties = {**TIME, "winlog": winlog, "event": code, "host": host, "message": {"type": "text"}}
        for month in ("1", "2"):
            lent.make(f"winlogbeat-malformed-{month}", {"properties": properties})
            event = {"@timestamp": "2026-03-01T12:00:01Z", "winlog": {"channel": "Security"}, "host": {"name": "a"}}
            lent.fill(f"winlogbeat-malformed-{month}", [{**event, "event": {"code": "1"}}] * 3)
        kind = {"kind": {"type": "keyword"}, "n": {"type": "long"}}
        lent.make("watcher-malformed-state", {"dynamic": "strict", "properties": kind})
        lent.make("watcher-malformed-dropped", {})
        connection.state().create(
            [NewDocument(index="watcher-malformed-state", id="a", document={"kind": "live", "n": 0})]
        )
        connection.state().refresh("watcher-malformed-*")
        yield connection
        connection.transport.request("DELETE", "/_index_template/watcher-malformed")


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_answer_of_another_shape_is_an_error_of_the_cluster(opened: Connection, name: str) -> None:
    operation = OPERATIONS[name]
    recording = RecordingTransport(engine=opened.transport)
    result = operation(replace(opened, transport=recording))
    spoilt = 0
    for number, (request, answer) in enumerate(recording.answers):
        if answer.status >= 300:
            continue
        foreign = [(body, True) for body in FOREIGN if body != answer.body]
        for body, is_foreign in (*foreign, *((changed, False) for changed in variants(answer.body))):
            replaying = ReplayingTransport(
                engine=opened.transport, answers=recording.answers, changed=number, body=body
            )
            try:
                again = operation(replace(opened, transport=replaying))
            except ClusterError:
                spoilt += 1
                continue
            assert not is_foreign or again == result, (request, body, again)
    assert spoilt > 0


def test_a_damaged_answer_is_an_error_of_the_cluster_or_a_result(opened: Connection) -> None:
    recorded: dict[str, RecordingTransport] = {}
    for name, operation in OPERATIONS.items():
        recorded[name] = RecordingTransport(engine=opened.transport)
        operation(replace(opened, transport=recorded[name]))

    def check(random: Random) -> None:
        name = random.choice(tuple(recorded))
        answers = recorded[name].answers
        number = random.randrange(len(answers))
        body = mutated(json.dumps(answers[number][1].body).encode(), random)
        replaying = ReplayingTransport(engine=opened.transport, answers=answers, changed=number, body=body)
        with suppress(ClusterError):
            OPERATIONS[name](replace(opened, transport=replaying))

    assert fuzz(check) > 0


def variants(body: Any, *, most: int = 12) -> Iterator[Any]:
    """Yield the body of an answer with each of its values left out or replaced by one of another type."""
    paths = list(_paths(body))
    for path in paths[:: max(1, len(paths) // most)]:
        for value in (None, 5, "x", {}, [], [5], {"a": 5}):
            yield _changed(body, path, value)
        yield _changed(body, path, _ABSENT)


_ABSENT = object()


def _paths(body: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = body.keys() if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ()
    for key in keys:
        yield (*before, key)
        yield from _paths(body[key], (*before, key))


def _changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    node = changed
    for key in path[:-1]:
        node = node[key]
    if value is _ABSENT:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return changed


# --------------------------------------------------------------------------- the transports

RAW = {
    "empty": b"",
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "cut": b'{"took": 1, "hits": {"hits": [',
    "null": b"null",
    "no UTF-8": b"\xff\xfe{",
    "object": b"{}",
    "list": b"[]",
    "number": b"5",
}
TYPES = ("application/json", "text/html", "application/vnd.elasticsearch+json;compatible-with=8", "a/b", "")


@pytest.mark.parametrize("engine_answers", [fake_server.elasticsearch("8.19.0"), fake_server.opensearch("3.6.0")])
def test_every_status_with_every_body_is_an_answer_or_an_error_of_the_cluster(
    engine_answers: tuple[Mapping[str, Reply], Reply],
) -> None:
    table, otherwise = engine_answers
    cases = [(status, raw, kind) for status in (200, 201, 302, 404, 500) for raw in RAW for kind in TYPES]
    replies = {
        f"/{number}/_doc/a": Reply(status=status, raw=RAW[raw], headers={**otherwise.headers, "content-type": kind})
        for number, (status, raw, kind) in enumerate(cases)
    }
    with serving({**table, **replies}, otherwise) as fake, connections(fake.cluster) as opened:
        for number, (status, raw, kind) in enumerate(cases):
            answer = opened.transport.request("GET", f"/{number}/_doc/a")
            assert answer.status == status
            try:
                assert answer.body != b""
            except Undecodable:
                assert (status < 300, "json" in kind) == (True, True), (status, raw, kind)


@pytest.mark.parametrize("raw", RAW)
@pytest.mark.parametrize("engine_answers", [fake_server.elasticsearch("8.19.0"), fake_server.opensearch("3.6.0")])
def test_a_server_whose_first_answers_are_spoilt_is_asked_again(
    engine_answers: tuple[Mapping[str, Reply], Reply], raw: str
) -> None:
    table, otherwise = engine_answers
    broken = Reply(raw=RAW[raw] or b" ", headers={**otherwise.headers, "content-type": "text/html"})
    with serving({**table, "/": broken, "/_nodes/_local": broken}, broken) as fake:
        if otherwise.headers:  # the product names itself in a header
            connect(fake.cluster).close()
            return
        with pytest.raises((Malformed, Undecodable)):
            connect(fake.cluster)
