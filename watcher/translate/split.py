"""One query that asks too much of the engine at once → several that return the same together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from watcher.model import Query
from watcher.translate.bounds import EVERYTHING, all_of, any_of, clauses, letters, none_of

MOST_LETTERS = 16_000
"""Of the patterns of one query: the engine builds an automaton of each, anew for every shard that it searches."""


@dataclass(frozen=True, slots=True)
class QuerySize:
    """What a query takes of an engine."""

    clauses: int
    letters: int  # of patterns

    @classmethod
    def of(cls, query: Query, grams: frozenset[str] = frozenset()) -> QuerySize:
        """Measure a query; `grams` are the paths mapped as `wildcard`."""
        return cls(clauses(query, grams), letters(query))

    def __add__(self, other: QuerySize) -> QuerySize:
        return QuerySize(self.clauses + other.clauses, self.letters + other.letters)

    def __sub__(self, other: QuerySize) -> QuerySize:
        return QuerySize(self.clauses - other.clauses, self.letters - other.letters)

    def fits(self, room: QuerySize) -> bool:
        """Tell whether it finds room."""
        return self.clauses <= room.clauses and self.letters <= room.letters

    def share(self, whole: QuerySize) -> float:
        """Tell how much of the whole it takes."""
        return max(self.clauses / max(whole.clauses, 1), self.letters / max(whole.letters, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParts:
    """Queries that together return at least what the whole one returns."""

    queries: tuple[Query, ...]
    same: bool = True  # and nothing more


def split_query(query: Query, most: QuerySize, grams: frozenset[str] = frozenset()) -> QueryParts:
    """Split a query so that no part is larger than the most; `grams` are the paths mapped as `wildcard`.

    Where no split helps, a condition is left out: the parts then return more, never less.
    """
    if most.clauses < 1:
        return QueryParts(queries=(EVERYTHING,), same=False)
    if QuerySize.of(query, grams).fits(most):
        return QueryParts(queries=(query,))
    inner: dict[str, Any] = dict(query.get("bool", {}))
    if "should" in inner and len(inner) <= 2:
        return _any(inner["should"], most, grams)
    if set(inner) == {"filter"}:
        return _all(inner["filter"], most, grams)
    if set(inner) == {"must_not"}:
        return _none(inner["must_not"], most, grams)
    return QueryParts(queries=(EVERYTHING,), same=False)


def _any(branches: Sequence[Query], most: QuerySize, grams: frozenset[str]) -> QueryParts:
    """Deal the branches out."""
    queries: list[Query] = []
    hand: list[Query] = []
    room, same = most, True
    for branch in branches:
        parts = split_query(branch, most, grams)
        same = same and parts.same
        for part in parts.queries:
            size = QuerySize.of(part, grams)
            if not size.fits(room):
                queries.append(any_of(hand))
                hand, room = [], most
            hand.append(part)
            room -= size
    queries.append(any_of(hand))
    return QueryParts(queries=tuple(queries), same=same)


def _all(branches: Sequence[Query], most: QuerySize, grams: frozenset[str]) -> QueryParts:
    """Split the longest branch, and ask the others with each of its parts; leave out what finds no room beside."""
    sizes = {id(branch): QuerySize.of(branch, grams) for branch in branches}
    shares = {id(branch): sizes[id(branch)].share(most) for branch in branches}
    longest = max(branches, key=lambda branch: shares[id(branch)])
    others = sorted((branch for branch in branches if branch is not longest), key=lambda branch: shares[id(branch)])
    kept: list[Query] = []
    beside = QuerySize(0, 0)
    half = QuerySize(most.clauses // 2, most.letters // 2)
    for other in others:
        if (beside + sizes[id(other)]).fits(half):
            kept.append(other)
            beside += sizes[id(other)]
    parts = split_query(longest, most - beside, grams)
    return QueryParts(
        queries=tuple(all_of((*kept, part)) for part in parts.queries),
        same=parts.same and len(kept) == len(others),
    )


def _none(branches: Sequence[Query], most: QuerySize, grams: frozenset[str]) -> QueryParts:
    """Leave conditions out of what is negated, or negate each of what must not hold together."""
    inner = any_of(branches).get("bool", {})
    if set(inner) == {"filter"}:  # not all of them: one of them not
        return _any([none_of(branch) for branch in inner["filter"]], most, grams)
    kept: list[Query] = []
    room = most
    for branch in inner.get("should", ()):
        size = QuerySize.of(branch, grams)
        if size.fits(room):
            kept.append(branch)
            room -= size
    return QueryParts(queries=(none_of(any_of(kept)),), same=False)
