"""What a rule's query costs the cluster.

A pattern that starts with a wildcard is compared with every value of a keyword field in every segment of the window,
so its cost grows with the index. Exact values, prefixes and `wildcard` fields cost next to nothing.
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
_INDEXED = ("wildcard",)  # types that know where a part of a value stands


class CostGrade(StrEnum):
    """How much a query costs."""

    LOW = "low"  # exact values and prefixes
    MEDIUM = "medium"  # some patterns that walk all values of a field
    HIGH = "high"  # many of them, or every event of the log source is returned


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCost:
    """What one query asks of the cluster."""

    walks: int  # patterns that are compared with every value of a field
    paths: tuple[str, ...]  # whose values
    broad: bool  # nothing but the log source and the presence of fields narrows it

    @property
    def grade(self) -> CostGrade:
        """Give the class of it."""
        if self.broad or self.walks >= _MANY:
            return CostGrade.HIGH
        return CostGrade.MEDIUM if self.walks else CostGrade.LOW

    def __str__(self) -> str:
        if self.broad:
            return (
                f"{self.grade}: every event of the log source that has the fields is returned and looked at in memory"
            )
        if not self.walks:
            return f"{self.grade}: it asks for exact values and prefixes"
        named = ", ".join(f"`{path}`" for path in self.paths[:3]) + (" …" if len(self.paths) > 3 else "")
        patterns = "1 pattern is" if self.walks == 1 else f"{self.walks} patterns are"
        return f"{self.grade}: {patterns} compared with every value of {named}"


def query_cost(plan: QueryPlan, scope: Query, mapping: IndexMapping) -> QueryCost:
    """Judge a plan's query; `scope` is the query for every event of its log source."""
    walked = list(_walked(plan.query, mapping))
    return QueryCost(walks=len(walked), paths=tuple(dict.fromkeys(walked)), broad=_is_broad(plan.query, scope))


def lint(plan: QueryPlan, judged: QueryCost) -> Iterator[Finding]:
    """Say where a query is costly."""
    if judged.grade is CostGrade.HIGH:
        yield make_finding(
            "query-cost",
            f"the query's cost is {judged}",
            plan.rule.location,
            "map the fields as `wildcard`, or make the rule ask for more; the rule is right all the same",
        )


def _is_broad(query: Query, scope: Query) -> bool:
    """Tell whether a query asks nothing of an event beyond its log source but that fields are there."""
    known = {repr(leaf) for leaf in _leaves(scope)}
    return all("exists" in leaf or repr(leaf) in known for leaf in _leaves(query))


def _leaves(query: Any) -> Iterator[Query]:
    if isinstance(query, list):
        for one in query:
            yield from _leaves(one)
    elif "bool" in query:
        for clause in ("filter", "should", "must", "must_not"):
            yield from _leaves(query["bool"].get(clause, []))
    else:
        yield query


def _walked(query: Query, mapping: IndexMapping) -> Iterator[str]:
    """Give the path of every pattern that walks all values."""
    for leaf in _leaves(query):
        for kind in ("wildcard", "regexp"):
            yield from (path for path, asked in leaf.get(kind, {}).items() if _walks(kind, path, asked, mapping))


def _walks(kind: str, path: str, asked: Any, mapping: IndexMapping) -> bool:
    pattern = str(asked.get("value", asked.get("wildcard", ""))) if isinstance(asked, Mapping) else str(asked)
    types = {one.type for one in mapping.fields.get(path, ())}
    return (kind == "regexp" or pattern[:1] in ("*", "?")) and not types <= set(_INDEXED)
