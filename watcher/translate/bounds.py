"""Upper and lower bound of a condition, and how bounds combine.

A query may return more events than the rule matches, never fewer. Under `not` the opposite holds: only events that
surely match may be excluded. Every condition therefore has two queries, an upper bound and a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from watcher.model import Query

_MAX_COMPARED = 8  # clauses compared pairwise; duplicates of the same object are removed from lists of any length

EVERYTHING: Query = {"match_all": {}}
NOTHING: Query = {"match_none": {}}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The two queries of one condition."""

    upper: Query  # returns every event that matches, and perhaps others
    lower: Query  # returns only events that match, and perhaps not all of them

    @property
    def exact(self) -> bool:
        """Whether both are the same query, which returns exactly the events that match."""
        return self.upper == self.lower


def exactly(query: Query) -> Bounds:
    """Return the bounds of a query that returns exactly the events that match."""
    return Bounds(query, query)


def at_least(query: Query) -> Bounds:
    """Return the bounds of a query that returns every event that matches, and perhaps others."""
    return Bounds(query, NOTHING)


UNKNOWN = Bounds(EVERYTHING, NOTHING)
NEVER = Bounds(NOTHING, NOTHING)


def both(conditions: Iterable[Bounds]) -> Bounds:
    """Return the bounds of several conditions that must all match."""
    parts = tuple(conditions)
    if len(parts) == 1:
        return parts[0]
    return Bounds(all_of(part.upper for part in parts), all_of(part.lower for part in parts))


def either(conditions: Iterable[Bounds]) -> Bounds:
    """Return the bounds of several conditions of which at least one must match."""
    parts = tuple(conditions)
    if len(parts) == 1:
        return parts[0]
    return Bounds(any_of(part.upper for part in parts), any_of(part.lower for part in parts))


def neither(condition: Bounds) -> Bounds:
    """Return the bounds of a negated condition: each bound negates the other bound of the condition."""
    return Bounds(none_of(condition.lower), none_of(condition.upper))


def all_of(queries: Iterable[Query]) -> Query:
    """Return the query for the events that every query returns."""
    clauses = _flattened(queries, "filter")
    if any(query is NOTHING or query == NOTHING for query in clauses):
        return NOTHING
    clauses = [query for query in clauses if query != EVERYTHING]
    if not clauses:
        return EVERYTHING
    return clauses[0] if len(clauses) == 1 else {"bool": {"filter": clauses}}


def any_of(queries: Iterable[Query]) -> Query:
    """Return the query for the events that any of the queries returns."""
    clauses = _flattened(queries, "should")
    if EVERYTHING in clauses:
        return EVERYTHING
    clauses = [query for query in clauses if query != NOTHING]
    if not clauses:
        return NOTHING
    return clauses[0] if len(clauses) == 1 else {"bool": {"should": clauses, "minimum_should_match": 1}}


def none_of(query: Query) -> Query:
    """Return the query for the events that a query does not return."""
    if query == EVERYTHING:
        return NOTHING
    if query == NOTHING:
        return EVERYTHING
    inner = query.get("bool")
    if isinstance(inner, dict) and set(inner) == {"must_not"} and len(inner["must_not"]) == 1:
        negated: Query = inner["must_not"][0]
        return negated
    return {"bool": {"must_not": [query]}}


def _flattened(queries: Iterable[Query], occurrence: str) -> list[Query]:
    """Return queries as one list without duplicates; nested queries of the same kind are replaced by their clauses."""
    by_identity: dict[int, Query] = {}
    for query in queries:
        inner: Any = query.get("bool")
        if inner is not None and occurrence in inner and (len(inner) == 1 or occurrence == "should"):
            for clause in inner[occurrence]:
                by_identity[id(clause)] = clause
        else:
            by_identity[id(query)] = query
    clauses = list(by_identity.values())
    if 1 < len(clauses) <= _MAX_COMPARED:
        clauses = [query for number, query in enumerate(clauses) if query not in clauses[:number]]
    return clauses
