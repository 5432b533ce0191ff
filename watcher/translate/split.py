"""One query with too many clauses → several that return the same together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from watcher.model import Query
from watcher.translate.bounds import EVERYTHING, all_of, any_of, clauses, none_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Queries that together return at least what the whole one returns."""

    queries: tuple[Query, ...]
    same: bool = True  # and nothing more


def split(query: Query, limit: int, grams: frozenset[str] = frozenset()) -> Parts:
    """Split a query so that no part has more clauses than the limit; `grams` are the paths mapped as `wildcard`.

    Where no split helps, a condition is left out: the parts then return more, never less.
    """
    if limit < 1:
        return Parts(queries=(EVERYTHING,), same=False)
    if clauses(query, grams) <= limit:
        return Parts(queries=(query,))
    inner: dict[str, Any] = dict(query.get("bool", {}))
    if "should" in inner and len(inner) <= 2:
        return _any(inner["should"], limit, grams)
    if set(inner) == {"filter"}:
        return _all(inner["filter"], limit, grams)
    if set(inner) == {"must_not"}:
        return _none(inner["must_not"], limit, grams)
    return Parts(queries=(EVERYTHING,), same=False)


def _any(branches: Sequence[Query], limit: int, grams: frozenset[str]) -> Parts:
    """Deal the branches out."""
    queries: list[Query] = []
    hand: list[Query] = []
    room, same = limit, True
    for branch in branches:
        parts = split(branch, limit, grams)
        same = same and parts.same
        for part in parts.queries:
            size = clauses(part, grams)
            if size > room:
                queries.append(any_of(hand))
                hand, room = [], limit
            hand.append(part)
            room -= size
    queries.append(any_of(hand))
    return Parts(queries=tuple(queries), same=same)


def _all(branches: Sequence[Query], limit: int, grams: frozenset[str]) -> Parts:
    """Split the longest branch, and ask the others with each of its parts; leave out what finds no room beside."""
    sizes = {id(branch): clauses(branch, grams) for branch in branches}
    longest = max(branches, key=lambda branch: sizes[id(branch)])
    others = sorted((branch for branch in branches if branch is not longest), key=lambda branch: sizes[id(branch)])
    kept: list[Query] = []
    room = limit // 2
    for other in others:
        size = sizes[id(other)]
        if size <= room:
            kept.append(other)
            room -= size
    parts = split(longest, limit - sum(sizes[id(branch)] for branch in kept), grams)
    return Parts(
        queries=tuple(all_of((*kept, part)) for part in parts.queries),
        same=parts.same and len(kept) == len(others),
    )


def _none(branches: Sequence[Query], limit: int, grams: frozenset[str]) -> Parts:
    """Leave conditions out of what is negated, or negate each of what must not hold together."""
    inner = any_of(branches).get("bool", {})
    if set(inner) == {"filter"}:  # not all of them: one of them not
        return _any([none_of(branch) for branch in inner["filter"]], limit, grams)
    kept: list[Query] = []
    room = limit
    for branch in inner.get("should", ()):
        size = clauses(branch, grams)
        if size <= room:
            kept.append(branch)
            room -= size
    return Parts(queries=(none_of(any_of(kept)),), same=False)
