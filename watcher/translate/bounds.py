"""The two forms of a clause: at least these events, and surely these.

A query may return more events than the rule means, never fewer. Under `not` that turns round: what must be negated
is the form that returns surely-matching events alone. Every clause therefore carries both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from watcher.model import Query

_SHORT = 8  # clauses that are compared each with each; the same object twice is left out of any list

_BY_GRAMS = ("term", "terms", "prefix", "wildcard", "regexp")
_PATTERNS = frozenset({"wildcard", "regexp"})

EVERYTHING: Query = {"match_all": {}}
NOTHING: Query = {"match_none": {}}


@dataclass(frozen=True, slots=True)
class Bounds:
    """An upper bound (at least the events meant) and a lower bound (surely meant) of one condition."""

    upper: Query
    lower: Query

    @property
    def exact(self) -> bool:
        """Tell whether both are the same query."""
        return self.upper == self.lower


def exactly(query: Query) -> Bounds:
    """Say that a query returns just the events meant."""
    return Bounds(query, query)


def at_least(query: Query) -> Bounds:
    """Say that a query returns the events meant and maybe more."""
    return Bounds(query, NOTHING)


UNKNOWN = Bounds(EVERYTHING, NOTHING)
NEVER = Bounds(NOTHING, NOTHING)


def both(parts: Iterable[Bounds]) -> Bounds:
    """Join conditions that must all hold."""
    known = tuple(parts)
    if len(known) == 1:
        return known[0]
    return Bounds(all_of(part.upper for part in known), all_of(part.lower for part in known))


def either(parts: Iterable[Bounds]) -> Bounds:
    """Join conditions of which any will do."""
    known = tuple(parts)
    if len(known) == 1:
        return known[0]
    return Bounds(any_of(part.upper for part in known), any_of(part.lower for part in known))


def neither(part: Bounds) -> Bounds:
    """Negate a condition: what surely matches is left out of the upper bound."""
    return Bounds(none_of(part.lower), none_of(part.upper))


def all_of(queries: Iterable[Query]) -> Query:
    """Build the query that returns what all of them return."""
    kept = _joined(queries, "filter")
    if any(query is NOTHING or query == NOTHING for query in kept):
        return NOTHING
    kept = [query for query in kept if query != EVERYTHING]
    if not kept:
        return EVERYTHING
    return kept[0] if len(kept) == 1 else {"bool": {"filter": kept}}


def any_of(queries: Iterable[Query]) -> Query:
    """Build the query that returns what any of them returns."""
    kept = _joined(queries, "should")
    if EVERYTHING in kept:
        return EVERYTHING
    kept = [query for query in kept if query != NOTHING]
    if not kept:
        return NOTHING
    return kept[0] if len(kept) == 1 else {"bool": {"should": kept, "minimum_should_match": 1}}


def none_of(query: Query) -> Query:
    """Build the query that returns what the other does not."""
    if query == EVERYTHING:
        return NOTHING
    if query == NOTHING:
        return EVERYTHING
    inner = query.get("bool")
    if isinstance(inner, dict) and set(inner) == {"must_not"} and len(inner["must_not"]) == 1:
        only: Query = inner["must_not"][0]
        return only
    return {"bool": {"must_not": [query]}}


def _joined(queries: Iterable[Query], clause: str) -> list[Query]:
    """Bring queries into one list, those of the same kind opened, each once."""
    kept: dict[int, Query] = {}
    for query in queries:
        inner: Any = query.get("bool")
        if inner is not None and clause in inner and (len(inner) == 1 or clause == "should"):
            for one in inner[clause]:
                kept[id(one)] = one
        else:
            kept[id(query)] = query
    found = list(kept.values())
    if 1 < len(found) <= _SHORT:
        found = [query for number, query in enumerate(found) if query not in found[:number]]
    return found


def clauses(query: Query, grams: frozenset[str] = frozenset()) -> int:
    """Count the leaves of a query, as the engine counts them against its limit.

    `grams` are the paths mapped as `wildcard`: OpenSearch keeps their values as runs of three letters, and makes a
    clause of each run that a pattern holds.
    """
    found = leaves(query)
    return sum(_runs(leaf, grams) for leaf in found) if grams else len(found)


def letters(query: Query) -> int:
    """Count the letters of a query's patterns: of each pattern the engine makes an automaton that is as long."""
    found = 0
    for leaf in leaves(query):
        ((kind, told),) = leaf.items()
        if kind in _PATTERNS:
            found += sum(len(one["value"]) for one in told.values())
    return found


def leaves(query: Query) -> list[Query]:
    """Give the clauses of a query that hold no others."""
    found: list[Query] = []
    _gather(query, found)
    return found


def _gather(query: Query, found: list[Query]) -> None:
    inner = query.get("bool")
    if inner is None:
        found.append(query)
        return
    for part in inner.values():
        if isinstance(part, list):
            for one in part:
                _gather(one, found)


def _runs(leaf: Mapping[str, Any], grams: frozenset[str]) -> int:
    ((kind, asked),) = leaf.items()
    if kind not in _BY_GRAMS or not asked.keys() & grams:
        return 1
    (told,) = asked.values()
    values = told if isinstance(told, list) else [told["value"]]
    return sum(max(1, len(value.encode("utf-16-le", "surrogatepass")) // 2) for value in map(str, values))
