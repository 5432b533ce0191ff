"""A mapping as Elasticsearch writes it is read as a cluster would answer."""

from __future__ import annotations

from typing import Any

import pytest

from watcher.ports import FieldType
from watcher.usecases.written_mapping import read_written_mapping

FIELDS: list[tuple[dict[str, Any], str, FieldType | None]] = [
    # plain types, with what limits them
    ({"a": {"type": "keyword", "ignore_above": 1024}}, "a", FieldType(type="keyword", ignore_above=1024)),
    ({"a": {"type": "text", "analyzer": "english"}}, "a", FieldType(type="text", analyzer="english")),
    ({"a": {"type": "keyword", "normalizer": "lowercase"}}, "a", FieldType(type="keyword", normalizer="lowercase")),
    ({"a": {"type": "long", "ignore_malformed": True}}, "a", FieldType(type="long", ignore_malformed=True)),
    ({"a": {"type": "keyword", "index": False}}, "a", FieldType(type="keyword", searchable=False)),
    # inner fields, by their path
    ({"a": {"properties": {"b": {"type": "ip"}}}}, "a.b", FieldType(type="ip")),
    ({"a": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}, "a.keyword", FieldType(type="keyword")),
    # no plain clause finds what a nested object holds
    ({"a": {"type": "nested", "properties": {"b": {"type": "ip"}}}}, "a.b", FieldType(type="ip", searchable=False)),
    # what the index holds and `_source` does not
    ({"a": {"type": "keyword", "null_value": "-"}}, "a", FieldType(type="keyword", adds=True)),
    ({"a": {"type": "keyword"}, "b": {"type": "ip", "copy_to": "a"}}, "a", FieldType(type="keyword", adds=True)),
    ({"a": {"type": "constant_keyword", "value": "x"}}, "a", FieldType(type="constant_keyword", value="x")),
    ({"a": {"type": "alias", "path": "b"}, "b": {"type": "ip"}}, "a", FieldType(type="ip", path="b")),
    # not mapped
    ({"a": {"type": "alias", "path": "b"}}, "a", None),
    ({"a": {"type": "keyword"}}, "b", None),
]


@pytest.mark.parametrize(("properties", "path", "expected"), FIELDS)
def test_a_field_is_read(properties: dict[str, Any], path: str, expected: FieldType | None) -> None:
    mapping = read_written_mapping({"properties": properties}, [path])
    assert mapping.fields == ({} if expected is None else {path: (expected,)})


def test_a_runtime_field_is_computed() -> None:
    document = {"properties": {"a": {"type": "keyword"}}, "runtime": {"b": {"type": "keyword"}}}
    assert read_written_mapping(document, ["b"]).fields == {"b": (FieldType(type="keyword", computed=True),)}


INDICES: list[tuple[dict[str, Any], bool, bool]] = [
    # every field of an event is mapped, unless the mapping says otherwise
    ({}, False, False),
    ({"dynamic": False}, True, False),
    ({"dynamic": "runtime"}, True, False),
    ({"dynamic_templates": [{"strings": {"mapping": {"type": "keyword"}}}]}, True, False),
    # `_source` is complete, unless the mapping says otherwise
    ({"_source": {"enabled": False}}, False, True),
    ({"_source": {"excludes": ["a"]}}, False, True),
]


@pytest.mark.parametrize(("options", "unindexed", "without_source"), INDICES)
def test_an_index_is_read(options: dict[str, Any], *, unindexed: bool, without_source: bool) -> None:
    mapping = read_written_mapping({"properties": {"a": {"type": "keyword"}}, **options}, ["a"])
    assert (bool(mapping.unindexed), bool(mapping.without_source)) == (unindexed, without_source)
