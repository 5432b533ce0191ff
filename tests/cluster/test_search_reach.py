"""Indices that a search leaves out without an error are reported by name, with the privilege."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.borrowed_indices import TIME, Indices, connections, indices
from support.engines import ALIAS_USER, INSPECTOR, READ_ALONE, STRANGER, UNINFORMED, Running

from watcher.cluster.connections import Connection
from watcher.local_engine import User
from watcher.ports import IndexMapping

PATTERN = "winlogbeat-reach-*"
OTHER, PART = "winlogbeat-reach-other", "winlogbeat-reach-part"
CODE = {"event": {"properties": {"code": {"type": "keyword"}}}}
EVENT = {"@timestamp": "2026-11-01T00:00:00Z", "event": {"code": "1"}}


@pytest.fixture
def pair(elasticsearch: Running) -> Iterator[Indices]:
    """Create two indices, of which some roles name the second alone."""
    with indices(elasticsearch.admin()) as lent:
        for name in (OTHER, PART):
            lent.make(name, {"properties": {**TIME, **CODE}}, number_of_shards=2)
            lent.fill(name, [EVENT])
        yield lent


def mapping_as(user: User, elasticsearch: Running, pattern: str = PATTERN) -> IndexMapping:
    with connections(elasticsearch.user(user)) as connection:
        return connection.events().mapping(pattern, ("event.code",))


@pytest.mark.parametrize("user", [INSPECTOR, STRANGER], ids=["inspect-not-read", "neither"])
def test_an_index_that_may_not_be_read_is_named_with_the_privilege(
    elasticsearch: Running, pair: Indices, user: User
) -> None:
    pair.make("winlogbeat-reach-empty-part", {"properties": TIME})  # it may be read, and holds nothing
    mapping = mapping_as(user, elasticsearch)
    assert mapping.indices == ("winlogbeat-reach-empty-part", PART)
    (refused,) = mapping.refused
    assert refused.index == OTHER
    assert "the user lacks the index privilege `read` or `all` on `winlogbeat-reach-other`" in refused.reason
    assert mapping.filled == {PART}


def test_a_pattern_of_which_nothing_may_be_read_has_no_indices(elasticsearch: Running, pair: Indices) -> None:
    assert pair.names == {OTHER, PART}
    mapping = mapping_as(INSPECTOR, elasticsearch, "winlogbeat-reach-o*")
    assert (mapping.indices, [refused.index for refused in mapping.refused]) == ((), [OTHER])


def test_privileges_of_a_name_without_wildcards_are_refused_with_the_name(
    elasticsearch: Running, pair: Indices
) -> None:
    assert pair.names == {OTHER, PART}
    mapping = mapping_as(INSPECTOR, elasticsearch, f"{OTHER},{PART}")
    assert (mapping.indices, [refused.index for refused in mapping.refused]) == ((PART,), [OTHER])


def test_an_index_whose_mapping_may_not_be_read_is_searched_by_the_types_of_its_fields(
    elasticsearch: Running, pair: Indices
) -> None:
    assert pair.names == {OTHER, PART}
    mapping = mapping_as(UNINFORMED, elasticsearch)
    assert mapping.indices == (OTHER, PART)
    assert mapping.unread == (OTHER,)
    assert {(kind.type, kind.indices, kind.unread) for kind in mapping.fields["event.code"]} == {
        ("keyword", (PART,), False),
        ("wildcard", (OTHER,), True),
    }


@pytest.mark.parametrize("user", [UNINFORMED, READ_ALONE], ids=["of-part", "of-nothing"])
def test_a_pattern_of_which_no_mapping_may_be_read_is_searched_by_types(
    elasticsearch: Running, pair: Indices, user: User
) -> None:
    assert pair.names == {OTHER, PART}
    mapping = mapping_as(user, elasticsearch, "winlogbeat-reach-o*")
    assert (mapping.indices, mapping.unread, mapping.refused) == ((OTHER,), (OTHER,), ())


def test_a_role_that_names_an_alias_reaches_all_of_it(elasticsearch: Running, pair: Indices) -> None:
    pair.make("winlogbeat-reach-empty", {"properties": TIME})
    actions = [{"add": {"index": "winlogbeat-reach-*", "alias": "alias-winlogbeat-reach"}}]
    pair.ask("POST", "/_aliases", {"actions": actions})
    mapping = mapping_as(ALIAS_USER, elasticsearch, "alias-winlogbeat-*")
    assert (mapping.indices, mapping.refused) == (("winlogbeat-reach-empty", OTHER, PART), ())


def test_everything_of_a_readable_pattern_is_reached(lent: Indices, connection: Connection) -> None:
    lent.make("winlogbeat-reached-1", {"properties": TIME}, number_of_shards=3)
    lent.make("winlogbeat-reached-2", {"properties": TIME})
    lent.fill("winlogbeat-reached-2", [EVENT])
    mapping = connection.events().mapping("winlogbeat-reached-*", ("event.code",))
    assert (mapping.refused, mapping.unread) == ((), ())
    assert mapping.filled == {"winlogbeat-reached-2"}
    assert mapping.shards == {"winlogbeat-reached-1": 3, "winlogbeat-reached-2": 1}
