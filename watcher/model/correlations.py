"""Correlation rules: what their authors wrote, and what is evaluated."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum


class CorrelationType(StrEnum):
    """How the hits of the base rules are combined, in Sigma's words; the last three are types of watcher."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    NEW_VALUE = "new_value"
    ABSENCE = "absence"
    SPIKE = "spike"


EXTENSION_TYPES = (CorrelationType.NEW_VALUE, CorrelationType.ABSENCE, CorrelationType.SPIKE)
"""Types that Sigma does not have; rules write them below the key `watcher`."""

SIGMA_TYPES = tuple(kind for kind in CorrelationType if kind not in EXTENSION_TYPES)
"""Types of the specification; rules write them below the key `correlation`."""


class ComparisonOperator(StrEnum):
    """An operator of a correlation's condition, in Sigma's words."""

    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EQ = "eq"
    NEQ = "neq"


_OPERATORS: Mapping[ComparisonOperator, Callable[[Decimal, Decimal], bool]] = {
    ComparisonOperator.GT: operator.gt,
    ComparisonOperator.GTE: operator.ge,
    ComparisonOperator.LT: operator.lt,
    ComparisonOperator.LTE: operator.le,
    ComparisonOperator.EQ: operator.eq,
    ComparisonOperator.NEQ: operator.ne,
}


def group_fields(kind: CorrelationType, group_by: tuple[str, ...], fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields or aliases whose values make a group of a correlation."""
    return tuple(dict.fromkeys((*group_by, *fields))) if kind is CorrelationType.NEW_VALUE else group_by


@dataclass(frozen=True, slots=True, kw_only=True)
class NumericComparison:
    """One comparison of a correlation's condition, e.g. `gte: 10`."""

    operator: ComparisonOperator
    value: Decimal

    def holds(self, number: Decimal) -> bool:
        """Return whether the number satisfies the comparison, in exact decimals."""
        return _OPERATORS[self.operator](number, self.value)


@dataclass(frozen=True, slots=True)
class RuleName:
    """A base rule in a boolean condition, by its id."""

    rule_id: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """A boolean condition that holds where all of its parts hold."""

    parts: tuple[RuleCondition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A boolean condition that holds where at least one of its parts holds."""

    parts: tuple[RuleCondition, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """A boolean condition that holds where its part does not."""

    part: RuleCondition


RuleCondition = RuleName | AllOf | AnyOf | NoneOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """What is evaluated of a correlation rule: its references are resolved to ids of rules."""

    rule_id: str
    type: CorrelationType
    base_rules: tuple[str, ...]  # ids in the order of `rules`, each once
    timespan: timedelta
    group_by: tuple[str, ...] = ()  # fields or aliases; empty: one group
    comparisons: tuple[NumericComparison, ...] = ()  # all must hold; empty: the types without a count
    fields: tuple[str, ...] = ()  # of `condition.field`: the counted value, or the counted tuple
    percentile: Decimal | None = None  # 0 to 100
    boolean: RuleCondition | None = None  # of the temporal types
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # alias → id of a base rule → its field
    groups: tuple[tuple[str, ...], ...] = ()  # of `absence`: groups that are expected from the beginning
    windows: int = 0  # of `spike`: how many earlier windows it compares with
    minimum: int = 0  # of `spike`: the least count

    @property
    def group_fields(self) -> tuple[str, ...]:
        """The fields or aliases whose values make a group: those of `new_value` with the values that are looked at."""
        return group_fields(self.type, self.group_by, self.fields)

    def field_of(self, name: str, rule_id: str) -> str:
        """Return the field of a base rule that a name of `group-by` or `field` means."""
        return self.aliases.get(name, {}).get(rule_id, name)
