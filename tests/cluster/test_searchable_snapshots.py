"""A snapshot shows what can be searched, and names the indices that it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.borrowed_indices import TIME, Indices

from watcher.cluster.connections import Connection
from watcher.model import Window
from watcher.ports import Page, SearchRequest, Snapshot

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(start=START, end=START + timedelta(hours=1))
EVENT = {"@timestamp": "2026-03-01T12:30:00Z", "a": "b"}
PATTERN = "winlogbeat-bad-*"
WELL, BAD = "winlogbeat-bad-well", "winlogbeat-bad-index"
NOWHERE = {"index.routing.allocation.require.box": "nowhere"}


def make(lent: Indices, mappings: Mapping[str, Any] | None = None, **settings: Any) -> None:
    """Create a good index with an event, and the other one."""
    lent.make(WELL, {"properties": TIME})
    lent.fill(WELL, [EVENT])
    body = {"settings": {"number_of_shards": 1, "number_of_replicas": 0, **settings}}
    lent.names.add(BAD)
    lent.ask("PUT", f"/{BAD}?wait_for_active_shards=0", body | {"mappings": mappings or {"properties": TIME}})


def block(lent: Indices, name: str, value: object) -> None:
    lent.ask("PUT", f"/{BAD}/_settings", {f"index.blocks.{name}": value})


def events_in(snapshot: Snapshot) -> tuple[int, int]:
    """Return how many events are counted and read."""
    (page,) = snapshot.search([SearchRequest(query={"match_all": {}}, size=10)])
    assert isinstance(page, Page), page
    return sum(snapshot.counts(timedelta(minutes=5)).values()), len(page.documents)


def left_out(connection: Connection, pattern: str = PATTERN) -> Mapping[str, str]:
    """Return the indices that a snapshot leaves out, with their reasons; what is left holds one event."""
    with connection.events().open(pattern, HOUR, time_field="@timestamp") as snapshot:
        assert events_in(snapshot) == (1, 1)
        return {entry.index: entry.reason for entry in snapshot.unsearchable}


@pytest.mark.parametrize("pattern", [PATTERN, f"{WELL},{BAD}", "winlogbeat-bad-alias", "winlogbeat-bad-al*"])
def test_a_blocked_index_is_left_out_however_the_pattern_names_it(
    connection: Connection, lent: Indices, pattern: str
) -> None:
    make(lent)
    actions = [{"add": {"index": index, "alias": "winlogbeat-bad-alias"}} for index in (WELL, BAD)]
    lent.ask("POST", "/_aliases", {"actions": actions})
    block(lent, "read", value=True)
    reasons = left_out(connection, pattern)
    assert "index read" in reasons.pop(BAD)
    assert reasons == {}
    mapping = connection.events().mapping(pattern, ["a"], without=[BAD])
    assert mapping.indices == (WELL,)


def test_an_index_without_a_shard_is_left_out(connection: Connection, lent: Indices) -> None:
    make(lent, **NOWHERE)
    assert "shard 0" in left_out(connection)[BAD]
    assert connection.events().mapping(PATTERN, ["a"]).indices == (WELL,)
    lent.ask("PUT", f"/{BAD}/_settings", dict.fromkeys(NOWHERE))
    lent.ask("GET", f"/_cluster/health/{BAD}?wait_for_status=green&timeout=30s")
    lent.fill(BAD, [EVENT])
    with connection.events().open(PATTERN, HOUR, time_field="@timestamp") as snapshot:
        assert (events_in(snapshot), snapshot.unsearchable) == ((2, 2), ())
    assert connection.events().mapping(PATTERN, ["a"]).indices == (BAD, WELL)


@pytest.mark.parametrize(
    "field", [{"type": "keyword"}, {"type": "text"}, {"type": "date", "doc_values": False}], ids=str
)
def test_an_index_with_an_unfit_time_field_is_left_out(
    connection: Connection, lent: Indices, field: Mapping[str, object]
) -> None:
    make(lent, {"properties": {"@timestamp": field}})
    lent.fill(BAD, [EVENT])
    assert "refuses" in left_out(connection)[BAD]


def test_an_index_whose_mapping_cannot_be_read_is_left_out(connection: Connection, lent: Indices) -> None:
    make(lent)
    block(lent, "metadata", value=True)
    try:
        mapping = connection.events().mapping(PATTERN, ["a"])
        assert (mapping.indices, [entry.index for entry in mapping.unreadable]) == ((WELL,), [BAD])
    finally:
        block(lent, "metadata", value=False)
    assert connection.events().mapping(PATTERN, ["a"]).indices == (BAD, WELL)


def test_a_pattern_of_bad_indices_alone_has_an_empty_snapshot(connection: Connection, lent: Indices) -> None:
    make(lent)
    block(lent, "read", value=True)
    with connection.events().open(BAD, HOUR, time_field="@timestamp") as snapshot:
        assert (events_in(snapshot), [entry.index for entry in snapshot.unsearchable]) == ((0, 0), [BAD])
