"""Correlations in words: what their conditions ask for, and when they are decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from watcher.correlate.comparisons import is_absence
from watcher.correlate.correlation_state import CorrelationState
from watcher.correlate.cut_values import CutEvents
from watcher.counted_nouns import counted
from watcher.model.correlation_hits import MAX_COMBINATIONS
from watcher.model.correlations import (
    AllOf,
    AnyOf,
    ComparisonOperator,
    Correlation,
    CorrelationType,
    NoneOf,
    RuleCondition,
    RuleName,
)
from watcher.timestamps import format_since_1970

_OPERATORS: Mapping[ComparisonOperator, str] = {
    ComparisonOperator.GT: "more than",
    ComparisonOperator.GTE: "at least",
    ComparisonOperator.LT: "fewer than",
    ComparisonOperator.LTE: "at most",
    ComparisonOperator.EQ: "exactly",
    ComparisonOperator.NEQ: "any number except",
}
_NUMBERS: Mapping[str, str] = {
    CorrelationType.VALUE_SUM: "the sum of",
    CorrelationType.VALUE_AVG: "the average of",
    CorrelationType.VALUE_MEDIAN: "the median of",
}
_UNITS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000), ("millisecond", 1))


def duration_text(duration: timedelta) -> str:
    """Return a duration in words, e.g. `5 minutes` or `1 hour 30 minutes`."""
    rest = duration // timedelta(milliseconds=1)
    parts = []
    for name, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(counted(count, name))
    return " ".join(parts) or "no time"


def number_text(number: Decimal) -> str:
    """Return a number with its digits, without zeros behind the point."""
    return f"{int(number):,}" if number == int(number) else f"{number.normalize():,f}"


def condition_text(correlation: Correlation, titles: Mapping[str, str]) -> str:
    """Return what the condition of a correlation asks for; `titles` are those of rules, by id."""
    order = ", in this order" if correlation.type is CorrelationType.TEMPORAL_ORDERED else ""
    if correlation.boolean is not None:
        return f"{boolean_text(correlation.boolean, titles)}{order}"
    if is_absence(correlation):
        listed = " or the beginning of the search" if correlation.groups else ""
        return f"no event for {duration_text(correlation.timespan)} after an event of the group{listed}"
    compared = " and ".join(
        f"{_OPERATORS[comparison.operator]} {number_text(comparison.value)}" for comparison in correlation.comparisons
    )
    if correlation.type in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED):
        return f"an event of {f'{compared} of the rules' if compared else 'each of the rules'}{order}"
    return _counted(correlation, compared)


def _counted(correlation: Correlation, compared: str) -> str:
    names = ", ".join(f"`{name}`" for name in correlation.fields)
    match correlation.type:
        case CorrelationType.EVENT_COUNT:
            return f"{compared} events"
        case CorrelationType.NEW_VALUE:
            what = "combination of values" if len(correlation.fields) > 1 else "value"
            return f"a {what} of {names} that no event had in the {duration_text(correlation.timespan)} before"
        case CorrelationType.SPIKE:
            windows = f"{correlation.windows:,} windows of {duration_text(correlation.timespan)} before"
            return f"{compared} times the median count of the {windows}, and at least {correlation.minimum:,} events"
        case CorrelationType.VALUE_COUNT:
            kind = "different combinations" if len(correlation.fields) > 1 else "different values"
            return f"{compared} {kind} of {names}"
        case CorrelationType.VALUE_PERCENTILE:
            return f"percentile {number_text(correlation.percentile or Decimal(0))} of {names} is {compared}"
        case _:
            measure = _NUMBERS.get(correlation.type)
            what = f"{measure} {names} is" if measure else f"`{correlation.type}`{f' of {names}' if names else ''}:"
            return f"{what} {compared}".rstrip(" :")


def boolean_text(condition: RuleCondition, titles: Mapping[str, str]) -> str:
    """Return a boolean condition with the titles of its rules."""
    match condition:
        case RuleName(rule_id=rule_id):
            return f"`{titles.get(rule_id, rule_id)}`"
        case NoneOf(part=part):
            return f"not {_nested(part, titles)}"
        case AllOf(parts=parts):
            return " and ".join(_nested(part, titles) for part in parts)
        case AnyOf(parts=parts):
            return " or ".join(_nested(part, titles) for part in parts)


def _nested(condition: RuleCondition, titles: Mapping[str, str]) -> str:
    text = boolean_text(condition, titles)
    return f"({text})" if isinstance(condition, AllOf | AnyOf) else text


def group_text(correlation: Correlation) -> str:
    """Return what makes a group of a correlation."""
    names = " and ".join(f"`{name}`" for name in correlation.group_fields)
    return f"events with the same {names}; case is ignored" if names else "all events are one group"


def group_values_text(group: Sequence[tuple[str, str]]) -> str:
    """Return the values of a group in one line."""
    return ", ".join(f"{name}: {value}" for name, value in group) or "all events"


def cut_values_text(title: str, cut: CutEvents) -> str:
    """Return which events a correlation does not count with all of their values; `title` is that of its rule."""
    events = counted(cut.events, "event")
    return (
        f"the correlation `{title}` does not count all values of {events}{' or more' if cut.or_more else ''}, the last "
        f"at {format_since_1970(cut.last)}: of several values of several fields, the first {MAX_COMBINATIONS:,} "
        "combinations are counted"
    )


def decision_text(correlation: Correlation, overlaps: Sequence[timedelta] = ()) -> str:
    """Return when it is certain whether the condition holds; `overlaps` are those of the sources.

    What no further event can end is certain at once. Anything else waits until its time was searched completely.
    """
    state = CorrelationState(correlation)
    if not state.waits:
        return "as soon as the event that completes it is found; later events cannot end it"
    ahead = timedelta(milliseconds=state.reach.ahead)
    wait = ahead + max(overlaps, default=timedelta(0))
    behind = f", and everything from {duration_text(timedelta(milliseconds=state.reach.behind))} before it"
    until = f"{duration_text(wait)} after the event" if wait else "at the event"
    late = " (late events included)" if overlaps else ""
    return f"{until}{late}, where this time{behind if state.reach.behind else ''} was searched without a gap"
