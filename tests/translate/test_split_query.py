"""A query of too many clauses becomes several that return at least the same, however the engine counts."""

from __future__ import annotations

from typing import Any

import pytest

from watcher.translate.bounds import (
    EVERYTHING,
    Bounds,
    all_of,
    any_of,
    at_least,
    both,
    either,
    neither,
    none_of,
)
from watcher.translate.split_query import QuerySize, count_clauses, pattern_length, split_query

WILDCARD_PATHS = frozenset({"w"})


def term(number: int, path: str = "k") -> dict[str, Any]:
    return {"term": {path: {"value": f"value {number}"}}}


def leaves(query: Any) -> set[str]:
    if isinstance(query, list):
        return set().union(*map(leaves, query))
    if "bool" in query:
        return set().union(*(leaves(part) for part in query["bool"].values() if isinstance(part, list)))
    return {repr(query)}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"match_all": {}}, 1),
        (term(1), 1),
        (any_of([term(1), term(2)]), 2),
        (all_of([term(1), none_of(term(2))]), 2),
        # on a field that is kept as runs of three letters each run is a clause
        ({"wildcard": {"w": {"value": "*abcdefgh*"}}}, 10),
        ({"term": {"w": {"value": "ab"}}}, 2),
        ({"terms": {"w": ["abc", "defgh"]}}, 8),
        ({"prefix": {"w": {"value": ""}}}, 1),
        ({"term": {"w": {"value": "😀😀"}}}, 4),
        ({"exists": {"field": "w"}}, 1),
        ({"terms": {"_index": ["abc", "defgh"]}}, 1),
    ],
)
def test_clauses_are_counted_as_the_engine_counts_them(query: dict[str, Any], count: int) -> None:
    assert count_clauses(query, WILDCARD_PATHS) == count


@pytest.mark.parametrize("path", ["k", "w"])
def test_a_long_list_is_dealt_out_and_nothing_of_it_is_lost(path: str) -> None:
    values = [term(number, path) for number in range(100)]
    query = all_of([{"term": {"c": {"value": "x"}}}, any_of(values)])
    parts = split_query(query, QuerySize(30, 500), WILDCARD_PATHS)
    assert parts.same
    assert len(parts.queries) > 1
    assert all(count_clauses(part, WILDCARD_PATHS) <= 30 for part in parts.queries)
    assert leaves(list(parts.queries)) == leaves(query)
    assert all({"term": {"c": {"value": "x"}}} in part["bool"]["filter"] for part in parts.queries)


def test_patterns_are_dealt_out_by_their_letters() -> None:
    values = [{"wildcard": {"k": {"value": f"*{number:048}*"}}} for number in range(20)]
    parts = split_query(any_of([*values, term(1)]), QuerySize(30, 500))
    assert parts.same
    assert [pattern_length(part) for part in parts.queries] == [500, 500]
    assert leaves(list(parts.queries)) == leaves(any_of([*values, term(1)]))


def test_what_does_not_fit_beside_the_longest_is_left_out_and_the_parts_return_more() -> None:
    first, second = any_of(map(term, range(40))), any_of(map(term, range(40, 80)))
    parts = split_query(all_of([first, second]), QuerySize(30, 500))
    assert not parts.same
    assert all(count_clauses(part) <= 30 for part in parts.queries)


def test_of_a_long_negation_some_conditions_are_left_out() -> None:
    parts = split_query(none_of(any_of(map(term, range(40)))), QuerySize(30, 500))
    (only,) = parts.queries
    assert not parts.same
    assert len(only["bool"]["must_not"][0]["bool"]["should"]) == 30


def test_a_single_pattern_that_is_too_long_narrows_nothing() -> None:
    assert split_query({"wildcard": {"w": {"value": f"*{'x' * 50}*"}}}, QuerySize(30, 500), WILDCARD_PATHS).queries == (
        EVERYTHING,
    )


def test_a_negation_takes_the_lower_bound_of_what_it_negates() -> None:
    sure, maybe = term(1), term(2)
    assert neither(Bounds(upper=maybe, lower=sure)) == Bounds(upper=none_of(sure), lower=none_of(maybe))
    assert neither(at_least(maybe)).upper == EVERYTHING
    assert neither(neither(Bounds(maybe, sure))) == Bounds(maybe, sure)
    assert not both([Bounds(sure, sure), at_least(maybe)]).exact
    assert not either([Bounds(sure, sure), at_least(maybe)]).exact
