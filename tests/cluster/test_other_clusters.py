"""Patterns that name other clusters: each engine is made a remote of itself, so that one node is enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.borrowed_indices import TIME, Indices
from support.fakes import rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import GroupedHit
from watcher.cluster.connections import Connection
from watcher.errors import Incomplete
from watcher.model import Window
from watcher.pipeline import Detector, prepare_rule
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))
KEYWORD: Mapping[str, Any] = {"type": "keyword", "ignore_above": 256}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "CommandLine": KEYWORD,
    "Hashes": {"type": "keyword", "ignore_above": 12},
    "Image": {"type": "keyword", "normalizer": "lowercase"},
    "ParentImage": {"type": "text"},
    "DestinationIp": {"type": "ip", "ignore_malformed": True},
    "DestinationPort": {"type": "long", "ignore_malformed": True},
    "User": {"type": "alias", "path": "account"},
    "Product": {"type": "object", "enabled": False},
}
MAPPING = {
    "properties": {
        **TIME,
        "account": {"type": "keyword"},
        "event": {"properties": {"code": {"type": "keyword"}}},
        "winlog": {"properties": {"channel": {"type": "keyword"}, "event_data": {"properties": FIELDS}}},
    }
}
NEEDLE = "needle"
VALUES: Mapping[str, Any] = {
    "CommandLine": "x" * 900 + NEEDLE,  # behind `ignore_above: 256`
    "Hashes": ["short", f"a-long-hash-with-a-{NEEDLE}"],  # an array, a part of which is indexed
    "Image": NEEDLE.upper(),
    "ParentImage": f"C:\\{NEEDLE}.exe",
    "DestinationIp": f"not an address: {NEEDLE}",
    "DestinationPort": f"not a number: {NEEDLE}",
    "Product": NEEDLE,
}


def rules() -> list[Any]:
    """Return a rule for each field, each of which the event matches."""
    built = rule()
    texts = {name: (f"{name}|contains: {NEEDLE}") for name in VALUES}
    texts |= {"User": "User: somebody", "Image": f"Image: {NEEDLE}"}
    texts |= {"Signed": "Signed: null"}
    return [
        rule(built.text.replace("CommandLine|contains: shell", text), id=f"rule-{name}", title=name)
        for name, text in texts.items()
    ]


@pytest.fixture
def remotes(lent: Indices) -> Iterator[Indices]:
    """Make the engine a remote of itself as `near`, and yield an index with events that are hard to find."""
    nodes = lent.ask("GET", "/_nodes/_local?filter_path=nodes.*.transport_address")["nodes"]
    (address,) = {node["transport_address"] for node in nodes.values()}
    try:
        lent.ask("PUT", "/_cluster/settings", {"persistent": {"cluster.remote.near.seeds": [address]}})
        lowercase = {"type": "custom", "filter": ["lowercase"]}
        analysis = {"analysis": {"normalizer": {"lowercase": lowercase}}}
        lent.make("winlogbeat-remote-1", MAPPING, **analysis)
        lent.make("winlogbeat-local-1", MAPPING, **analysis)  # a snapshot cannot hold a shard twice
        event = {
            "@timestamp": "2026-03-01T12:00:00Z",
            "account": "somebody",
            "event": {"code": "1"},
            "host": {"name": "ws1"},
            "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational", "event_id": "1", "event_data": VALUES},
        }
        other = {**event, "winlog": {"channel": "System"}, "event": {"code": "7045"}}
        for name in ("remote", "local"):
            lent.fill(f"winlogbeat-{name}-1", [event, other])
        yield lent
    finally:
        settings = {"cluster.remote.near.seeds": None, "cluster.remote.gone.*": None}
        lent.ask("PUT", "/_cluster/settings", {"persistent": settings})


def found_hits(connection: Connection, pattern: str, search: str) -> list[tuple[str, str]]:
    """Return rule and index of each hit."""
    source = Source(index=pattern, search=search)
    prepared = [prepare_rule(each, rule_settings(each, Settings()), source) for each in rules()]
    store = AlertStore(MemoryDocuments())
    detector = Detector(source=source, events=connection.events(), alert_store=store, rules=prepared)
    hits = [hit for hit in detector.find_hits(HOUR) if isinstance(hit, GroupedHit)]
    return sorted((hit.hit.rule.title, hit.hit.index) for hit in hits)


@pytest.mark.parametrize("search", ["auto", "query"])
def test_events_of_other_clusters_are_found_by_every_strategy(
    remotes: Indices, connection: Connection, search: str
) -> None:
    assert remotes.names == {"winlogbeat-local-1", "winlogbeat-remote-1"}
    titles = [entry.title for entry in rules()]
    near = [(title, "near:winlogbeat-remote-1") for title in titles]
    local = [(title, "winlogbeat-local-1") for title in titles]
    assert found_hits(connection, "near:winlogbeat-remote-*", search) == sorted(near)
    assert found_hits(connection, "*:winlogbeat-remote-*", search) == sorted(near)
    assert found_hits(connection, "winlogbeat-local-*,near:winlogbeat-remote-*", search) == sorted([*near, *local])


def test_a_cluster_that_is_skipped_is_named_and_never_taken_for_empty(remotes: Indices, connection: Connection) -> None:
    gone = {"cluster.remote.gone.seeds": ["127.0.0.1:1"], "cluster.remote.gone.skip_unavailable": True}
    remotes.ask("PUT", "/_cluster/settings", {"persistent": gone})
    pattern = "winlogbeat-local-*,gone:winlogbeat-*"
    mapping = connection.events().mapping(pattern, ("event.code",))
    assert mapping.indices == ("winlogbeat-local-1",)
    (refused,) = mapping.refused
    assert refused.index.startswith("gone:")
    assert "not answer" in refused.reason
    with pytest.raises(Incomplete, match="not every shard answered"):
        connection.event_counts().count(pattern, [HOUR], time_field="@timestamp")
    assert len(found_hits(connection, pattern, "scan")) == len(rules())
