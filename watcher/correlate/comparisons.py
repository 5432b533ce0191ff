"""Comparisons of numbers, and what follows from them for the evaluation of a correlation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from math import ceil, floor

from watcher.model.correlations import ComparisonOperator, Correlation, CorrelationType, NumericComparison

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Arithmetic without rounding; only for sums and products."""

COUNTING_TYPES = frozenset(
    {
        CorrelationType.EVENT_COUNT,
        CorrelationType.VALUE_COUNT,
        CorrelationType.TEMPORAL,
        CorrelationType.TEMPORAL_ORDERED,
    }
)
"""Types whose number never falls when base hits are added."""

_LOWER_BOUNDS = frozenset({ComparisonOperator.GT, ComparisonOperator.GTE})
_UPPER_BOUNDS = frozenset({ComparisonOperator.LT, ComparisonOperator.LTE})


def all_hold(comparisons: Iterable[NumericComparison], number: Decimal) -> bool:
    """Return whether a number satisfies all comparisons."""
    return all(comparison.holds(number) for comparison in comparisons)


def all_hold_of_average(comparisons: Iterable[NumericComparison], total: Decimal, count: int) -> bool:
    """Return whether an average satisfies all comparisons; it may have endless digits, its total has not."""
    factor = Decimal(count)
    return all(
        replace(comparison, value=EXACT.multiply(comparison.value, factor)).holds(total) for comparison in comparisons
    )


def is_absence(correlation: Correlation) -> bool:
    """Return whether the condition holds for no hit at all, and for no positive count."""
    if correlation.type is CorrelationType.ABSENCE:
        return True
    if correlation.type not in COUNTING_TYPES or correlation.boolean is not None or not correlation.comparisons:
        return False
    return all_hold(correlation.comparisons, Decimal(0)) and not any(
        all_hold(correlation.comparisons, count) for count in _deciding_counts(correlation.comparisons)
    )


def _deciding_counts(comparisons: Iterable[NumericComparison]) -> Iterable[Decimal]:
    """Yield positive counts of which at least one satisfies the comparisons, if any count does."""
    yield Decimal(1)
    for comparison in comparisons:
        floor = int(comparison.value)
        yield from (Decimal(count) for count in range(floor - 1, floor + 3) if count > 0)


def least_count(comparisons: Iterable[NumericComparison]) -> int:
    """Return the least positive count that the lower bounds allow."""
    bounds = (
        floor(comparison.value) + 1 if comparison.operator is ComparisonOperator.GT else ceil(comparison.value)
        for comparison in comparisons
    )
    return max([1, *bounds])


def least_hits(correlation: Correlation) -> int:
    """Return how many base hits, or values of them, a group has at least where the condition holds without waiting."""
    if correlation.type in (CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT):
        return least_count(correlation.comparisons)
    if correlation.type in COUNTING_TYPES - {CorrelationType.VALUE_COUNT} and correlation.boolean is None:
        return least_count(correlation.comparisons) if correlation.comparisons else len(correlation.base_rules)
    return 1


def least_rules(correlation: Correlation) -> int:
    """Return of how many base rules a group has base hits at least where the condition holds without waiting."""
    counts_rules = correlation.type in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
    is_distinct = len(set(correlation.base_rules)) == len(correlation.base_rules)
    return least_hits(correlation) if counts_rules and is_distinct else 1


def is_monotone(correlation: Correlation) -> bool:
    """Return whether a condition that holds in a window holds too when base hits are added to it."""
    return _compares_counts(correlation, _LOWER_BOUNDS)


def is_antitone(correlation: Correlation) -> bool:
    """Return whether a condition that fails in a window fails too when base hits are added to it."""
    return bool(correlation.comparisons) and _compares_counts(correlation, _UPPER_BOUNDS)


def _compares_counts(correlation: Correlation, operators: frozenset[ComparisonOperator]) -> bool:
    return correlation.type in COUNTING_TYPES and all(
        comparison.operator in operators for comparison in correlation.comparisons
    )
