"""Short forms of correlations and base hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from watcher.correlate import BEGINNING, Spans
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.model.correlations import ComparisonOperator, Correlation, CorrelationType, NumericComparison

SECOND = 1_000
SPAN = 60 * SECOND


def correlation(kind: str, condition: Mapping[str, str] | None = None, **settings: Any) -> Correlation:
    """Return a correlation of one minute over the base rules `a`, `b` and `c`."""
    comparisons = tuple(
        NumericComparison(operator=ComparisonOperator(name), value=Decimal(value))
        for name, value in (condition or {}).items()
    )
    defaults = {"rule_id": "rule", "base_rules": ("a", "b", "c"), "timespan": timedelta(milliseconds=SPAN)}
    return Correlation(type=CorrelationType(kind), comparisons=comparisons, **(defaults | settings))


def hit(time: int, rule_id: str = "a", **values: str | tuple[str, ...]) -> BaseHit:
    """Return a base hit whose id is its time, or the value of `id`."""
    fields = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items() if name != "id"}
    return BaseHit(rule_id=rule_id, hit_id=str(values.get("id", time)), time=time, values=fields)


def times(matches: Sequence[CorrelationHit]) -> list[int]:
    return [match.time for match in matches]


def until(end: int) -> Spans:
    """Return everything before a time as searched."""
    return Spans.of([(BEGINNING, end)])
