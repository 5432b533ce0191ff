"""The truth about correlations in 40 lines of code, from the decision table of `docs/correlations.md` alone.

Boolean conditions of temporal types, which Sigma added later, have 20 lines more at the end.

Each base hit of each group is judged for itself, on lists of all base hits: slow, and short enough to be read beside
the table. It knows nothing of arrival, ticks, memory and restarts. Base hits after `end` take no part, and a match
that later ones could still end is left out. Groups are folded, numbers are exact fractions.

`correlation_reference.py` is the longer one: it also answers for chains, types of watcher, and what is undecided.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, product
from math import ceil
from statistics import mean, median
from typing import Any

from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import AllOf, AnyOf, Correlation, RuleCondition, RuleName

Match = tuple[tuple[str, ...], int, tuple[str, str], Fraction | None]
"""Folded group, time, rule and id of the completing hit, and the number that the condition compared."""
Order = tuple[int, str, str]
"""Time, rule and id of a base hit."""


def values(c: Correlation, names: Iterable[str], hit: BaseHit) -> list[tuple[str, ...]]:
    return list(product(*([v.casefold() for v in hit.values.get(c.field_of(n, hit.rule_id), ()) if v] for n in names)))


def counted(c: Correlation, window: Iterable[BaseHit]) -> list[Any]:
    tuples = [each for hit in window for each in values(c, c.fields, hit)]
    if not c.fields or c.type == "value_count":
        return tuples
    texts = [text for (text,) in tuples if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+|0x[\da-f]+)", text, re.ASCII)]
    return sorted(Fraction(int(text, 16) if "x" in text else Decimal(text)) for text in texts)


def stand(c: Correlation, rules: Collection[str], window: Sequence[BaseHit]) -> bool:
    times = ([hit.time for hit in window if hit.rule_id == rule] for rule in c.base_rules if rule in rules)
    return any(c.type != "temporal_ordered" or list(pick) == sorted(pick) for pick in product(*times))


def number(c: Correlation, window: Sequence[BaseHit]) -> Any:
    if c.type.startswith("temporal"):
        several = (rules for size in range(len(c.base_rules) + 1) for rules in combinations(c.base_rules, size))
        return max(len(rules) for rules in several if stand(c, rules, window))
    every, share = counted(c, window), Fraction(c.percentile or 0) / 100
    numbers = {"value_sum": sum, "value_avg": mean, "value_median": median, "value_count": lambda _: len(set(every))}
    ranked = {"value_percentile": lambda _: every[max(ceil(share * len(every)), 1) - 1], "event_count": len}
    return (numbers | ranked)[c.type](every)


def judged(c: Correlation, hits: Mapping[Order, BaseHit], at: Order, end: int) -> tuple[int, Any] | None:
    span, counts = c.timespan // timedelta(milliseconds=1), c.type in ("event_count", "value_count")
    if (counts or c.type.startswith("temporal")) and [n for n in range(100) if satisfied(c, n)] == [0]:
        until = at[0] + span  # an absence: no hit follows
        return None if until > end or any(at < other and other[0] <= until for other in hits) else (until, 0)
    n = number(c, [hit for hit in hits.values() if at[0] - span <= hit.time <= at[0]])
    return (at[0], n if c.comparisons else None) if satisfied(c, n) else None


def satisfied(c: Correlation, n: Any) -> bool:
    return all(each.holds(n) for each in c.comparisons) if c.comparisons else n == len(c.base_rules)


def brute_force(c: Correlation, base_hits: Iterable[BaseHit], end: int) -> set[Match]:
    groups: defaultdict[tuple[str, ...], dict[Order, BaseHit]] = defaultdict(dict)
    for hit in base_hits:
        if hit.rule_id in c.base_rules and hit.time <= end and counted(c, [hit]):
            for group in values(c, c.group_by, hit):
                groups[group][hit.time, hit.rule_id, hit.hit_id] = hit
    judge = judged if c.boolean is None else judged_by_rules
    pairs = ((group, at, judge(c, hits, at, end)) for group, hits in groups.items() for at in hits)
    return {(group, match[0], at[1:], match[1]) for group, at, match in pairs if match}


# ---- boolean conditions


def judged_by_rules(c: Correlation, hits: Mapping[Order, BaseHit], at: Order, end: int) -> tuple[int, Any] | None:
    (time, rule, _), span, terms = at, c.timespan // timedelta(milliseconds=1), ways(c.boolean)
    asked = set().union(*(there for there, _ in terms))
    window = [hit for hit in hits.values() if time - span <= hit.time <= time and hit.rule_id in asked]
    around = range(min((hit.time for hit in window), default=time) - span, time + span + 1)
    near = {hit.rule_id for hit in hits.values() if hit.time in around}
    seen = near if time + span <= end else set(c.base_rules)  # what is not searched yet may hold any of them
    holds = any(stand(c, there, window) and not gone & seen for there, gone in terms)
    return (time, None) if holds and rule in asked else None


def ways(part: RuleCondition | None, *, asks: bool = True) -> list[tuple[set[str], set[str]]]:
    """Return the ways to satisfy a condition: rules in the trailing window, and rules nowhere near it."""
    if isinstance(part, RuleName):
        return [({part.rule_id}, set())] if asks else [(set(), {part.rule_id})]
    if not isinstance(part, AllOf | AnyOf):
        return ways(part.part, asks=not asks) if part else []
    parts = [ways(each, asks=asks) for each in part.parts]
    chosen = product(*parts) if isinstance(part, AllOf) is asks else ([way] for each in parts for way in each)
    return [(set().union(*(there for there, _ in some)), set().union(*(gone for _, gone in some))) for some in chosen]
