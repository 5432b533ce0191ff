"""Brute-force reference of correlations: slow, and written from the semantics alone.

`end` is the time up to which all events are searched, inclusive. Later base hits take no part. Everything before the
first base hit counts as searched, so an upper bound is evaluated at every base hit. Ids of base hits are trusted: of
two deliveries of one pair of rule and event only one counts.

Decisions where the semantics leave a choice:

- Base hits of one millisecond see the same trailing window, so each of them completes, or none does.
- An event without the counted value is no base hit at all: the condition is not evaluated at it. An empty value is a
  missing one. A value that an event repeats counts each time in sums, averages, percentiles and medians.
- Sums and averages are exact fractions, compared exactly. `Completion.number` is such a fraction; `Fraction(1, 2)`
  equals `Decimal("0.5")` and has the same hash, so only an average of endless digits differs from a decimal.
- Numbers have ASCII digits and neither spaces nor underscores; `5.`, `.5`, `+5` and `-0x1F` are numbers.
- An absence is an absence of the group's hits, for counts of hits, of values, and of different rules. Its number is 0,
  its completing hit is the last of the gap's beginning: the greatest (time, rule id, hit id). Groups without any hit
  are not looked at, and the look-back is without limit.
- A run of `temporal_ordered` may skip rules: with `rules: [a, b, c]`, `a` before `c` is a run of two.
- A boolean condition asks for the rules that stand below an even number of `not`. Only their hits complete, and
  `first of the match` is the first of their hits in the trailing window. With `temporal_ordered` it holds where some
  run of rules in order satisfies it. `a and (b or not c)` is decided at once where `b` is in the window.
- A match with `not` has the time of its completing hit, and is undecided while an event after `end` can end it.
- A value is new where no hit of its group and value lies in the trailing window before it; of hits of one
  millisecond the least (rule id, hit id) is the new one.
- A spike compares the trailing window with the windows of the same length before it, one after the other, each ending
  a millisecond before the next begins. An empty one counts 0. The median of an even number is the mean of the middle.
- The hit of an inner absence has the time of the absence, last event + timespan, in an outer correlation.
- An outer correlation knows its inner hits only up to the time until which all of them are decided; see `Answer`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from graphlib import TopologicalSorter
from itertools import combinations, product
from math import ceil
from statistics import median
from typing import NamedTuple

from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import (
    EXTENSION_TYPES,
    AllOf,
    ComparisonOperator,
    Correlation,
    CorrelationType,
    NoneOf,
    RuleCondition,
    RuleName,
)

Group = tuple[str, ...]  # folded values in the order of `group-by`
Key = tuple[str, str]  # id of the rule, id of the hit
Identify = Callable[[str, Group, Key], str]
TEMPORAL = (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
COUNTS = (CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT, *TEMPORAL, *EXTENSION_TYPES)


class Completion(NamedTuple):
    """A completing match; it is the same whatever the order of arrival."""

    group: Group
    time: int  # in milliseconds; of an absence, last event + timespan
    completing: Key
    number: Fraction | None  # compared with the condition


class Answer(NamedTuple):
    """Every match up to `end`, and the matches that later events may still end."""

    completed: frozenset[Completion]
    undecided: frozenset[Completion]
    decided_until: int  # no undecided match, and none that is yet to come, has a time up to this one


def folded(correlation: Correlation, hit: BaseHit, name: str) -> tuple[str, ...]:
    """Return the values of a field or alias that are not empty."""
    values = hit.values.get(correlation.field_of(name, hit.rule_id), ())
    return tuple(value.casefold() for value in values if value)


def groups_of(correlation: Correlation, hit: BaseHit) -> set[Group]:
    """Return the groups of a hit: none where a value is missing."""
    return set(product(*(folded(correlation, hit, name) for name in correlation.group_fields)))


def counted(correlation: Correlation, hit: BaseHit) -> list[Group]:
    """Return the tuples of values that a hit adds: the empty tuple where the hit itself is counted."""
    tuples = product(*(folded(correlation, hit, name) for name in correlation.fields))
    return [values for values in tuples if correlation.type in COUNTS or number_in(values[0]) is not None]


def number_in(text: str) -> Fraction | None:
    """Return the number that a folded text is: decimal with sign and point, or hexadecimal."""
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
        return Fraction(Decimal(text))
    return Fraction(int(text, 16)) if re.fullmatch(r"[+-]?0x[0-9a-f]+", text) else None


def runs(correlation: Correlation, window: Sequence[BaseHit]) -> Iterator[tuple[str, ...]]:
    """Yield every set of rules of a window; of `temporal_ordered`, those whose hits stand in the order of the rules."""
    times = {rule: [hit.time for hit in window if hit.rule_id == rule] for rule in correlation.base_rules}
    for size in range(len(times) + 1):
        for rules in combinations(times, size):
            picks = product(*(times[rule] for rule in rules))
            if any(correlation.type is CorrelationType.TEMPORAL or list(pick) == sorted(pick) for pick in picks):
                yield rules


def number_of(correlation: Correlation, window: Sequence[BaseHit]) -> Fraction:
    """Return the number that the condition compares."""
    values = [value for hit in window for value in counted(correlation, hit)]
    if correlation.type is CorrelationType.EVENT_COUNT:
        return Fraction(len(window))
    if correlation.type is CorrelationType.VALUE_COUNT:
        return Fraction(len(set(values)))
    if correlation.type in TEMPORAL:
        return Fraction(max(len(rules) for rules in runs(correlation, window)))
    numbers = sorted(number for (text,) in values if (number := number_in(text)) is not None)
    if correlation.percentile is not None:
        return numbers[max(ceil(Fraction(correlation.percentile) * len(numbers) / 100), 1) - 1]
    if correlation.type is CorrelationType.VALUE_MEDIAN:
        return (numbers[(len(numbers) - 1) // 2] + numbers[len(numbers) // 2]) / 2
    return sum(numbers, Fraction()) / (len(numbers) if correlation.type is CorrelationType.VALUE_AVG else 1)


def satisfies(correlation: Correlation, number: Fraction) -> bool:
    """Return whether all comparisons hold; without any, whether all rules are there."""
    if not correlation.comparisons:
        return number == len(correlation.base_rules)
    return all(comparison.holds(number) for comparison in correlation.comparisons)


def is_absence(correlation: Correlation) -> bool:
    """Return whether the condition holds for 0 and for no positive count, or the type says so."""
    if correlation.type is CorrelationType.ABSENCE:
        return True
    bounds = [ceil(comparison.value) for comparison in correlation.comparisons]
    holding = [count for count in range(max([0, *bounds]) + 2) if satisfies(correlation, Fraction(count))]
    return correlation.type in COUNTS and bool(bounds) and holding == [0]


def polarities(condition: RuleCondition) -> Iterator[tuple[str, bool]]:
    """Yield the rules of a boolean condition, and whether it asks for them: below an even number of `not`."""
    match condition:
        case RuleName(rule_id):
            yield rule_id, True
        case NoneOf(part):
            yield from ((rule_id, not asked) for rule_id, asked in polarities(part))
        case _:
            yield from (pair for part in condition.parts for pair in polarities(part))


def holds(condition: RuleCondition, rules: Collection[str], around: Collection[str]) -> bool:
    """Return whether a boolean condition holds with rules in the window, and rules in the longer span of `not`."""
    match condition:
        case RuleName(rule_id):
            return rule_id in rules
        case NoneOf(part):
            return not holds(part, around, rules)  # below a second `not` the window is asked again
        case AllOf(parts):
            return all(holds(part, rules, around) for part in parts)
    return any(holds(part, rules, around) for part in condition.parts)


def judge(
    correlation: Correlation, hits: Sequence[BaseHit], at: BaseHit, end: int
) -> tuple[int, Fraction | None, bool] | None:
    """Return time, number and whether it is decided, of the match that a hit of a group completes; None without one."""
    span = correlation.timespan // timedelta(milliseconds=1)
    window = [hit for hit in hits if at.time - span <= hit.time <= at.time]
    if is_absence(correlation):
        later = [hit for hit in hits if order(at) < order(hit) and hit.time <= at.time + span]
        return None if later else (at.time + span, Fraction(), at.time + span <= end)
    if correlation.type is CorrelationType.NEW_VALUE:
        earlier = [hit for hit in window if order(hit) < order(at)]
        return None if earlier else (at.time, None, True)
    if correlation.type is CorrelationType.SPIKE:
        number, usual = spike(correlation, [hit.time for hit in hits], at.time, span)
        is_above = all(
            number >= usual * Fraction(entry.value)
            if entry.operator is ComparisonOperator.GTE
            else number > usual * Fraction(entry.value)
            for entry in correlation.comparisons
        )
        return (at.time, number, True) if number >= correlation.minimum and is_above else None
    if correlation.boolean is None:
        number = number_of(correlation, window)
        return (at.time, number if correlation.comparisons else None, True) if satisfies(correlation, number) else None
    asked = {rule_id for rule_id, asks in polarities(correlation.boolean) if asks}
    matching = [hit for hit in window if hit.rule_id in asked]
    if at not in matching:
        return None
    first = min(hit.time for hit in matching)
    around = {hit.rule_id for hit in hits if first - span <= hit.time <= at.time + span}
    at_worst = around if at.time + span <= end else around | set(correlation.base_rules)
    possible, certain = (
        any(holds(correlation.boolean, rules, seen) for rules in runs(correlation, matching))
        for seen in (around, at_worst)
    )
    return (at.time, None, certain) if possible else None


def spike(correlation: Correlation, times: Sequence[int], at: int, span: int) -> tuple[Fraction, Fraction]:
    """Return the count of the trailing window, and the median count of the windows that end before each other."""
    ends = [at - number * (span + 1) for number in range(correlation.windows + 1)]
    count, *earlier = (sum(end - span <= time <= end for time in times) for end in ends)
    return Fraction(count), Fraction(median(map(Fraction, earlier)))


def order(hit: BaseHit) -> tuple[int, str, str]:
    """Return a total order of base hits."""
    return hit.time, hit.rule_id, hit.hit_id


def reference(correlation: Correlation, base_hits: Iterable[BaseHit], *, end: int) -> Answer:
    """Return the answer of one correlation: every group and every hit is judged for itself."""
    unique = {(hit.rule_id, hit.hit_id): hit for hit in base_hits if hit.time <= end}.values()
    hits = [hit for hit in unique if hit.rule_id in correlation.base_rules and counted(correlation, hit)]
    matches: dict[bool, set[Completion]] = {True: set(), False: set()}
    for group in {group for hit in hits for group in groups_of(correlation, hit)}:
        members = [hit for hit in hits if group in groups_of(correlation, hit)]
        for hit in members:
            if match := judge(correlation, members, hit, end):
                time, number, decided = match
                matches[decided].add(Completion(group, time, (hit.rule_id, hit.hit_id), number))
    waits = correlation.boolean is not None and not all(asks for _, asks in polarities(correlation.boolean))
    until = end - (correlation.timespan // timedelta(milliseconds=1) if waits else 0)
    return Answer(frozenset(matches[True]), frozenset(matches[False]), until)


def inner_hit_id(rule_id: str, group: Group, completing: Key) -> str:
    """Return an id of the hit of an inner correlation: the same in every order of arrival."""
    return repr((rule_id, group, completing))


def reference_all(
    correlations: Iterable[Correlation],
    base_hits: Iterable[BaseHit],
    *,
    end: int,
    identify: Identify = inner_hit_id,
) -> Mapping[str, Answer]:
    """Return the answers by rule; hits of inner correlations are base hits of outer ones, in any order of both.

    The group values of an inner hit are folded: no comparison of an outer correlation sees the difference.
    """
    by_id = {correlation.rule_id: correlation for correlation in correlations}
    hits, answers = list(base_hits), dict[str, Answer]()
    for rule_id in TopologicalSorter({inner: rule.base_rules for inner, rule in by_id.items()}).static_order():
        if correlation := by_id.get(rule_id):
            decided = (answers[inner].decided_until for inner in correlation.base_rules if inner in answers)
            answers[rule_id] = reference(correlation, hits, end=min([end, *decided]))
            events = {(hit.rule_id, hit.hit_id): hit for hit in hits}
            for match in answers[rule_id].completed:
                event, hit_id = events[match.completing], identify(rule_id, match.group, match.completing)
                named = dict(zip(correlation.group_fields, match.group, strict=True))
                values = {correlation.field_of(name, event.rule_id): (value,) for name, value in named.items()}
                values = {**event.values, **values, **{name: (value,) for name, value in named.items()}}
                hits.append(BaseHit(rule_id=rule_id, hit_id=hit_id, time=match.time, values=values))
    return answers
