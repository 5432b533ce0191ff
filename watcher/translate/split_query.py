"""A query that is too large for the engine → several queries that return the same events together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watcher.model import Query
from watcher.translate.bounds import EVERYTHING, all_of, any_of, none_of

MAX_PATTERN_LENGTH = 16_000
"""The total length of the patterns of one query: each shard builds an automaton of each of them for each search."""

_TRIGRAM_CLAUSES = ("term", "terms", "prefix", "wildcard", "regexp")
_PATTERN_CLAUSES = frozenset({"wildcard", "regexp"})


@dataclass(frozen=True, slots=True)
class QuerySize:
    """What a query costs an engine."""

    clauses: int  # as the engine counts them against its limit
    pattern_length: int  # of all patterns together

    @classmethod
    def of(cls, query: Query, wildcard_paths: frozenset[str] = frozenset()) -> QuerySize:
        """Return the size of a query; OpenSearch counts a clause per trigram on the paths mapped as `wildcard`."""
        return cls(count_clauses(query, wildcard_paths), pattern_length(query))

    def __add__(self, other: QuerySize) -> QuerySize:
        return QuerySize(self.clauses + other.clauses, self.pattern_length + other.pattern_length)

    def __sub__(self, other: QuerySize) -> QuerySize:
        return QuerySize(self.clauses - other.clauses, self.pattern_length - other.pattern_length)

    def fits(self, limit: QuerySize) -> bool:
        """Whether the size is within a limit."""
        return self.clauses <= limit.clauses and self.pattern_length <= limit.pattern_length

    def share(self, limit: QuerySize) -> float:
        """Return the share of a limit that the size uses."""
        return max(self.clauses / max(limit.clauses, 1), self.pattern_length / max(limit.pattern_length, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParts:
    """Queries that together return at least the events that the split query returns."""

    queries: tuple[Query, ...]
    same: bool = True  # and no other events


def count_clauses(query: Query, wildcard_paths: frozenset[str] = frozenset()) -> int:
    """Return the number of clauses of a query, as the engine counts them against its limit."""
    leaves = leaf_clauses(query)
    return sum(_trigrams(leaf, wildcard_paths) for leaf in leaves) if wildcard_paths else len(leaves)


def pattern_length(query: Query) -> int:
    """Return the total length of a query's patterns; the engine's automaton of a pattern grows with its length."""
    length = 0
    for leaf in leaf_clauses(query):
        ((kind, body),) = leaf.items()
        if kind in _PATTERN_CLAUSES:
            length += sum(len(pattern["value"]) for pattern in body.values())
    return length


def leaf_clauses(query: Query) -> list[Query]:
    """Return the clauses of a query that contain no other clauses."""
    leaves: list[Query] = []
    _collect_leaves(query, leaves)  # a list, as a generator per level takes longer, and every plan is measured
    return leaves


def _collect_leaves(query: Query, leaves: list[Query]) -> None:
    inner = query.get("bool")
    if inner is None:
        leaves.append(query)
        return
    for clauses in inner.values():
        if isinstance(clauses, list):
            for clause in clauses:
                _collect_leaves(clause, leaves)


def _trigrams(leaf: Mapping[str, Any], wildcard_paths: frozenset[str]) -> int:
    """Return the number of clauses that the engine creates from a leaf."""
    ((kind, body),) = leaf.items()
    if kind not in _TRIGRAM_CLAUSES or not body.keys() & wildcard_paths:
        return 1
    (argument,) = body.values()
    values = argument if isinstance(argument, list) else [argument["value"]]
    return sum(max(1, len(value.encode("utf-16-le", "surrogatepass")) // 2) for value in map(str, values))


def split_query(query: Query, limit: QuerySize, wildcard_paths: frozenset[str] = frozenset()) -> QueryParts:
    """Split a query so that no part exceeds a limit.

    Where no split helps, a condition is left out: the parts then return more events, never fewer.
    """
    if limit.clauses < 1:
        return QueryParts(queries=(EVERYTHING,), same=False)
    if QuerySize.of(query, wildcard_paths).fits(limit):
        return QueryParts(queries=(query,))
    inner: dict[str, Any] = dict(query.get("bool", {}))
    if "should" in inner and len(inner) <= 2:
        return _split_any(inner["should"], limit, wildcard_paths)
    if set(inner) == {"filter"}:
        return _split_all(inner["filter"], limit, wildcard_paths)
    if set(inner) == {"must_not"}:
        return _split_none(inner["must_not"], limit, wildcard_paths)
    return QueryParts(queries=(EVERYTHING,), same=False)


def _split_any(branches: Sequence[Query], limit: QuerySize, wildcard_paths: frozenset[str]) -> QueryParts:
    """Distribute alternatives over as many queries as they need."""
    queries: list[Query] = []
    current: list[Query] = []
    remaining, same = limit, True
    for branch in branches:
        parts = split_query(branch, limit, wildcard_paths)
        same = same and parts.same
        for part in parts.queries:
            size = QuerySize.of(part, wildcard_paths)
            if not size.fits(remaining):
                queries.append(any_of(current))
                current, remaining = [], limit
            current.append(part)
            remaining -= size
    queries.append(any_of(current))
    return QueryParts(queries=tuple(queries), same=same)


def _split_all(branches: Sequence[Query], limit: QuerySize, wildcard_paths: frozenset[str]) -> QueryParts:
    """Split the largest condition and join the others with each of its parts, if they fit into half of the limit."""
    sizes = {id(branch): QuerySize.of(branch, wildcard_paths) for branch in branches}
    shares = {id(branch): sizes[id(branch)].share(limit) for branch in branches}
    largest = max(branches, key=lambda branch: shares[id(branch)])
    others = sorted((branch for branch in branches if branch is not largest), key=lambda branch: shares[id(branch)])
    joined: list[Query] = []
    joined_size = QuerySize(0, 0)
    half = QuerySize(limit.clauses // 2, limit.pattern_length // 2)
    for other in others:
        if (joined_size + sizes[id(other)]).fits(half):
            joined.append(other)
            joined_size += sizes[id(other)]
    parts = split_query(largest, limit - joined_size, wildcard_paths)
    return QueryParts(
        queries=tuple(all_of((*joined, part)) for part in parts.queries),
        same=parts.same and len(joined) == len(others),
    )


def _split_none(branches: Sequence[Query], limit: QuerySize, wildcard_paths: frozenset[str]) -> QueryParts:
    """Exclude fewer conditions, or split `not (a and b)` as `not a or not b`."""
    inner = any_of(branches).get("bool", {})
    if set(inner) == {"filter"}:
        return _split_any([none_of(branch) for branch in inner["filter"]], limit, wildcard_paths)
    excluded: list[Query] = []
    remaining = limit
    for branch in inner.get("should", ()):
        size = QuerySize.of(branch, wildcard_paths)
        if size.fits(remaining):
            excluded.append(branch)
            remaining -= size
    return QueryParts(queries=(none_of(any_of(excluded)),), same=False)
