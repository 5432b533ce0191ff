"""Conditions of correlations in words, and when they are decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from watcher.correlate.correlation_texts import condition_text, decision_text, duration_text
from watcher.model.correlations import (
    AllOf,
    AnyOf,
    ComparisonOperator,
    Correlation,
    CorrelationType,
    NoneOf,
    NumericComparison,
    RuleCondition,
    RuleName,
)


def correlation(
    kind: str, *comparisons: tuple[str, str], fields: tuple[str, ...] = (), boolean: RuleCondition | None = None
) -> Correlation:
    return Correlation(
        rule_id="many",
        type=CorrelationType(kind),
        base_rules=("a", "b"),
        timespan=timedelta(minutes=5),
        comparisons=tuple(
            NumericComparison(operator=ComparisonOperator(name), value=Decimal(value)) for name, value in comparisons
        ),
        fields=fields,
        percentile=Decimal("99.9") if kind == "value_percentile" else None,
        boolean=boolean,
    )


A_WITHOUT_B = AllOf((RuleName("a"), NoneOf(AnyOf((RuleName("b"), RuleName("c"))))))


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (correlation("event_count", ("gte", "10")), "at least 10 events"),
        (
            correlation("event_count", ("gt", "1000"), ("lt", "2000.50")),
            "more than 1,000 and fewer than 2,000.5 events",
        ),
        (correlation("event_count", ("eq", "0")), "no event for 5 minutes after an event of the group"),
        (correlation("value_count", ("gte", "3"), fields=("User",)), "at least 3 different values of `User`"),
        (
            correlation("value_count", ("gte", "3"), fields=("User", "Computer")),
            "at least 3 different combinations of `User`, `Computer`",
        ),
        (correlation("value_sum", ("gt", "1"), fields=("Bytes",)), "the sum of `Bytes` is more than 1"),
        (correlation("value_percentile", ("lte", "1"), fields=("F",)), "percentile 99.9 of `F` is at most 1"),
        (correlation("temporal"), "an event of each of the rules"),
        (correlation("temporal", ("gte", "2")), "an event of at least 2 of the rules"),
        (correlation("temporal_ordered"), "an event of each of the rules, in this order"),
        (correlation("temporal", boolean=A_WITHOUT_B), "`Rule a` and not (`b` or `c`)"),
        (correlation("new_value", fields=("User",)), "a value of `User` that no event had in the 5 minutes before"),
        (
            correlation("new_value", fields=("User", "Image")),
            "a combination of values of `User`, `Image` that no event had in the 5 minutes before",
        ),
        (correlation("absence"), "no event for 5 minutes after an event of the group"),
        (
            replace(correlation("absence"), group_by=("Computer",), groups=(("dc01",),)),
            "no event for 5 minutes after an event of the group or the beginning of the search",
        ),
        (
            replace(correlation("spike", ("gte", "2.5")), windows=12, minimum=20),
            "at least 2.5 times the median count of the 12 windows of 5 minutes before, and at least 20 events",
        ),
    ],
)
def test_a_condition_in_words(subject: Correlation, text: str) -> None:
    assert condition_text(subject, {"a": "Rule a"}) == text


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (correlation("event_count", ("gte", "10")), "as soon as the event that completes it is found"),
        (correlation("temporal", boolean=A_WITHOUT_B), "7 minutes after the event (late events included)"),
        (correlation("event_count", ("eq", "0")), "7 minutes after the event (late events included)"),
        (correlation("event_count", ("lt", "3")), "2 minutes after the event (late events included)"),
    ],
)
def test_when_a_condition_is_decided(subject: Correlation, text: str) -> None:
    assert decision_text(subject, (timedelta(minutes=2),)).startswith(text)


def test_durations_in_words() -> None:
    assert duration_text(timedelta(days=1, minutes=90)) == "1 day 1 hour 30 minutes"
    assert duration_text(timedelta(milliseconds=1001)) == "1 second 1 millisecond"
