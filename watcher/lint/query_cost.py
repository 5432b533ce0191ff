"""The cost of a rule's query for the cluster.

A pattern that starts with a wildcard is compared with every value of a keyword field in every segment of the window,
so its cost grows with the index. Exact values, prefixes and `wildcard` fields are cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from watcher.lint.finding_codes import make_finding
from watcher.model import Finding, Query, QueryPlan
from watcher.ports import IndexMapping

_MANY = 20  # patterns of one query
_INDEXED = ("wildcard",)  # types with an index of parts of values


class CostGrade(StrEnum):
    """How much a query costs."""

    LOW = "low"  # exact values and prefixes
    MEDIUM = "medium"  # some patterns that are compared with all values of a field
    HIGH = "high"  # many of them, or every event of the log source is returned


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCost:
    """The cost of one query."""

    scans: int  # patterns that are compared with every value of a field
    paths: tuple[str, ...]  # of those fields
    broad: bool  # only the log source and the presence of fields narrow it

    @property
    def grade(self) -> CostGrade:
        """The grade of the cost."""
        if self.broad or self.scans >= _MANY:
            return CostGrade.HIGH
        return CostGrade.MEDIUM if self.scans else CostGrade.LOW

    def __str__(self) -> str:
        if self.broad:
            return (
                f"{self.grade}: every event of the log source that has the fields is returned and evaluated in memory"
            )
        if not self.scans:
            return f"{self.grade}: exact values and prefixes only"
        named = ", ".join(f"`{path}`" for path in self.paths[:3]) + (" …" if len(self.paths) > 3 else "")
        patterns = "1 pattern is" if self.scans == 1 else f"{self.scans} patterns are"
        return f"{self.grade}: {patterns} compared with every value of {named}"


def query_cost(plan: QueryPlan, scope: Query, mapping: IndexMapping) -> QueryCost:
    """Return the cost of a plan's query; `scope` is the query for every event of its log source."""
    scanned = list(_scanned_paths(plan.query, mapping))
    return QueryCost(scans=len(scanned), paths=tuple(dict.fromkeys(scanned)), broad=_is_broad(plan.query, scope))


def lint(plan: QueryPlan, cost: QueryCost) -> Iterator[Finding]:
    """Yield a finding if the query is costly."""
    if cost.grade is CostGrade.HIGH:
        yield make_finding(
            "query-cost",
            f"the query's cost is {cost}",
            plan.rule.location,
            "map the fields as `wildcard`, or make the rule more specific; its hits are correct in any case",
        )


def _is_broad(query: Query, scope: Query) -> bool:
    """Whether a query tests only the log source and the presence of fields."""
    in_scope = {repr(leaf) for leaf in _leaves(scope)}
    return all("exists" in leaf or repr(leaf) in in_scope for leaf in _leaves(query))


def _leaves(query: Any) -> Iterator[Query]:
    if isinstance(query, list):
        for clause in query:
            yield from _leaves(clause)
    elif "bool" in query:
        for clause in ("filter", "should", "must", "must_not"):
            yield from _leaves(query["bool"].get(clause, []))
    else:
        yield query


def _scanned_paths(query: Query, mapping: IndexMapping) -> Iterator[str]:
    """Yield the path of every pattern that is compared with all values."""
    for leaf in _leaves(query):
        for kind in ("wildcard", "regexp"):
            yield from (path for path, clause in leaf.get(kind, {}).items() if _is_scan(kind, path, clause, mapping))


def _is_scan(kind: str, path: str, clause: Any, mapping: IndexMapping) -> bool:
    pattern = str(clause.get("value", clause.get("wildcard", ""))) if isinstance(clause, Mapping) else str(clause)
    types = {field.type for field in mapping.fields.get(path, ())}
    return (kind == "regexp" or pattern[:1] in ("*", "?")) and not types <= set(_INDEXED)
