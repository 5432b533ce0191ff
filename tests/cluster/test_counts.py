"""Counts of the engines for the catalogue: events by channel and id, documents by a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.borrowed_indices import TIME, Indices

from watcher.cluster.connections import Connection
from watcher.errors import Refused
from watcher.model import Window
from watcher.ports import EventVolume

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = Window(start=START, end=START + timedelta(days=1))
KEYWORD = {"type": "keyword"}
BY_KEYWORD = {
    "properties": {
        **TIME,
        "host": {"properties": {"name": KEYWORD}},
        "event": {"properties": {"code": KEYWORD}},
        "winlog": {"properties": {"channel": KEYWORD}},
    }
}


def event(channel: str, code: str, host: str, hours: float = 1) -> Mapping[str, Any]:
    time = (START + timedelta(hours=hours)).isoformat()
    return {"@timestamp": time, "winlog": {"channel": channel}, "event": {"code": code}, "host": {"name": host}}


EVENTS = [
    event("Security", "4688", "a"),
    event("Security", "4688", "b"),
    event("Security", "4624", "a"),
    event("System", "7045", "c"),
    event("Security", "4688", "d", hours=30),  # after the window
]


def counted(connection: Connection, pattern: str) -> set[tuple[str, str, int, int]]:
    volumes = connection.event_counts().volumes(pattern, DAY, time_field="@timestamp")
    assert all(isinstance(volume, EventVolume) for volume in volumes)
    return {(volume.channel, volume.code, volume.events, volume.hosts) for volume in volumes}


EXPECTED = {
    ("Security", "", 3, 2),
    ("Security", "4688", 2, 2),
    ("Security", "4624", 1, 1),
    ("System", "", 1, 1),
    ("System", "7045", 1, 1),
}


def test_events_are_counted_by_channel_and_id_within_the_window(lent: Indices, connection: Connection) -> None:
    lent.make("winlogbeat-counts", BY_KEYWORD)
    lent.fill("winlogbeat-counts", EVENTS)
    assert counted(connection, "winlogbeat-counts") == EXPECTED


def test_text_fields_are_counted_by_their_keyword_sub_field(lent: Indices, connection: Connection) -> None:
    """Without a template every string is mapped so."""
    lent.make("winlogbeat-plain", {"properties": dict(TIME)})
    lent.fill("winlogbeat-plain", EVENTS)
    assert counted(connection, "winlogbeat-plain") == EXPECTED


def test_a_text_field_without_keyword_is_refused_with_the_fields_that_can_be_counted(
    lent: Indices, connection: Connection
) -> None:
    text = {"type": "text"}
    lent.make("winlogbeat-text", {"properties": {**TIME, "winlog": {"properties": {"channel": text}}}})
    lent.fill("winlogbeat-text", EVENTS)
    with pytest.raises(
        Refused, match=r"cannot be counted: no keyword at `winlog\.channel` or `winlog\.channel\.keyword`"
    ):
        connection.event_counts().volumes("winlogbeat-text", DAY, time_field="@timestamp")


def test_windows_are_counted_together_and_may_overlap(lent: Indices, connection: Connection) -> None:
    lent.make("winlogbeat-spans", BY_KEYWORD)
    lent.fill("winlogbeat-spans", EVENTS)
    ever = Window(start=datetime(1970, 1, 1, tzinfo=UTC), end=DAY.end + timedelta(days=365 * 100))
    later = Window(start=DAY.end, end=ever.end)
    counts = connection.event_counts()
    assert counts.count("winlogbeat-spans", (ever, DAY, later), time_field="@timestamp") == [5, 4, 1]
    assert counts.count("winlogbeat-nowhere-*", (ever, DAY), time_field="@timestamp") == [0, 0]


def test_no_index_and_no_event_have_no_volumes(lent: Indices, connection: Connection) -> None:
    assert counted(connection, "winlogbeat-nowhere-*") == set()
    lent.make("winlogbeat-void", BY_KEYWORD)
    assert counted(connection, "winlogbeat-void") == set()


def test_documents_of_the_state_are_counted_by_a_value(lent: Indices, connection: Connection) -> None:
    state = connection.state()
    assert state.counts("watcher-nothing-*", {"match_all": {}}, "rule.id") == {}
    lent.make("watcher-counts", {"properties": {**TIME, "rule": {"properties": {"id": KEYWORD}}}})
    documents = [{"@timestamp": START.isoformat(), "rule": {"id": name}} for name in ("one", "two", "one")]
    lent.fill("watcher-counts", documents)
    assert state.counts("watcher-counts", {"match_all": {}}, "rule.id") == {"one": 2, "two": 1}
    assert state.counts("watcher-counts", {"term": {"rule.id": "two"}}, "rule.id") == {"two": 1}
