"""Faults and notes about the indices of a source."""

from __future__ import annotations

from typing import Any

import pytest

from watcher.ports import FieldType, IndexMapping, Server
from watcher.search.source_faults import source_faults, source_notes
from watcher.settings import Source

SERVER = Server(engine="opensearch", version="3.6.0")
DATE, NANOS, KEYWORD = (FieldType(type=name) for name in ("date", "date_nanos", "keyword"))
INGESTED = Source(index="w-*", time_field="event.ingested")


def mapping(**changes: Any) -> IndexMapping:
    values: dict[str, Any] = {
        "pattern": "w-*",
        "server": SERVER,
        "indices": ("w-1", "w-2"),
        "filled": frozenset({"w-1", "w-2"}),
        "fields": {"@timestamp": (DATE,), "event.ingested": (DATE,)},
    }
    return IndexMapping(**{**values, **changes})


def of(kind: str, *indices: str) -> tuple[FieldType, ...]:
    return (FieldType(type=kind, indices=indices),)


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        (Source(index="w-*"), {}),
        (INGESTED, {}),
        (INGESTED, {"fields": {"@timestamp": (NANOS,), "event.ingested": (NANOS,)}}),
        (INGESTED, {"fields": {"@timestamp": (DATE,)}, "filled": frozenset()}),  # indices without events yet
        (INGESTED, {"fields": {"@timestamp": (DATE,), "event.ingested": of("date", "w-2")}}),
        (Source(index="w-*"), {"fields": {"@timestamp": of("date", "w-1")}, "filled": frozenset({"w-1"})}),
        (Source(index="*:w-*"), {"unread": ("a:w-1",)}),
    ],
)
def test_no_fault(source: Source, changes: dict[str, Any]) -> None:
    assert source_faults(source, mapping(**changes)) == ()


@pytest.mark.parametrize(
    ("source", "changes", "words"),
    [
        # misspelt, or mapped as something else
        (
            INGESTED,
            {"fields": {"@timestamp": (DATE,)}},
            "no index of `w-*` maps `event.ingested` as a date; its events",
        ),
        (INGESTED, {"fields": {"@timestamp": (DATE,), "event.ingested": (KEYWORD,)}}, "searched by `@timestamp`"),
        (Source(index="w-*"), {"fields": {}}, "no index of `w-*` maps `@timestamp` as a date; correct `time_field`"),
        # of one index only
        (Source(index="w-*"), {"fields": {"@timestamp": of("date", "w-1")}}, "`w-2` map no time as a date"),
        (INGESTED, {"fields": {"event.ingested": of("date", "w-1")}}, "`w-2` map no time as a date"),
        # a constant that no request returns
        (
            Source(index="*:w-*"),
            {"fields": {"@timestamp": (DATE,), "c": (FieldType(type="constant_keyword", unread=True),)}},
            "the value of the `constant_keyword` `c` in other clusters",
        ),
        # privileges
        (INGESTED, {"unread": ("w-2",)}, "lacks the index privilege `view_index_metadata` on `w-2`"),
    ],
)
def test_a_fault_names_what_to_change(source: Source, changes: dict[str, Any], words: str) -> None:
    (fault,) = source_faults(source, mapping(**changes))
    assert words in fault


def test_an_index_that_lacks_the_time_field_is_noted() -> None:
    fields = {"@timestamp": (DATE,), "event.ingested": of("date", "w-1")}
    (note,) = source_notes(INGESTED, mapping(fields=fields))
    assert note == "`w-2` do not map `event.ingested`; their events are found by `@timestamp`"


def test_indices_of_other_clusters_are_noted() -> None:
    unread = tuple(f"a:w-{number}" for number in range(7))
    (note,) = source_notes(INGESTED, mapping(unread=unread))
    assert note.startswith("`a:w-0`, `a:w-1`, `a:w-2`, `a:w-3`, `a:w-4` and 2 more belong to other clusters")
