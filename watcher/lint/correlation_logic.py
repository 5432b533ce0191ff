"""Conditions of correlations that can never hold, or hold at every hit of a base rule."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations, pairwise

from watcher.lint.finding_codes import make_finding
from watcher.model import Finding
from watcher.model.correlation_rules import CorrelationRule
from watcher.model.correlations import Correlation, CorrelationType, RuleCondition
from watcher.sigma.correlation_expression import holds, names_of

_MOST_RULES = 10  # of a boolean condition that is tried with every set of them
_TEMPORAL = (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
_COUNTING = (*_TEMPORAL, CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT)


def lint(rule: CorrelationRule, correlation: Correlation) -> Iterator[Finding]:
    """Yield a finding where the condition of a correlation can never hold, or always holds."""
    location = rule.location_of("condition")
    outcomes = set(_outcomes(correlation))
    if outcomes == {False} and not _is_absence(correlation):
        message = "the condition of the correlation can never hold"
        yield make_finding("correlation-never", message, location, "correct its numbers or rules")
    elif outcomes == {True}:
        message = "the condition of the correlation holds at every hit of a base rule"
        yield make_finding("correlation-always", message, location, "correct it, unless this is intended")


def _outcomes(correlation: Correlation) -> Iterator[bool]:
    """Yield whether the condition holds, for a sample of windows that has each outcome; windows have a hit."""
    if correlation.boolean is not None:
        yield from _boolean_outcomes(correlation.boolean)
    elif correlation.comparisons:
        for number in _numbers(correlation):
            yield all(comparison.holds(number) for comparison in correlation.comparisons)


def _boolean_outcomes(condition: RuleCondition) -> Iterator[bool]:
    names = names_of(condition)
    if len(names) <= _MOST_RULES:
        for count in range(1, len(names) + 1):
            yield from (holds(condition, matched) for matched in combinations(names, count))


def _numbers(correlation: Correlation) -> Iterator[Decimal]:
    """Yield numbers on both sides of each compared one, between any two, and equal to it."""
    compared = sorted({comparison.value for comparison in correlation.comparisons})
    if correlation.type not in _COUNTING:
        yield from (compared[0] - 1, *compared, compared[-1] + 1)
        yield from ((lower + upper) / 2 for lower, upper in pairwise(compared))
        return
    most = len(correlation.base_rules) if correlation.type in _TEMPORAL else None
    near = {int(value) + step for value in compared for step in (-1, 0, 1, 2)}
    for number in sorted({1, *near, *(() if most is None else (most,))}):
        if number >= 1 and (most is None or number <= most):
            yield Decimal(number)


def _is_absence(correlation: Correlation) -> bool:
    """Whether the condition holds where nothing was counted."""
    comparisons = correlation.comparisons
    return correlation.type in _COUNTING and bool(comparisons) and all(each.holds(Decimal(0)) for each in comparisons)
