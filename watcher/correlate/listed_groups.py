"""Groups that an absence expects from the beginning, whether they were ever seen or not."""

from __future__ import annotations

from collections.abc import Iterator

from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation


def listed_hits(correlation: Correlation, begin: int) -> Iterator[BaseHit]:
    """Yield a hit without an event for each listed group, at the time at which its silence may begin."""
    rule_id = correlation.base_rules[0]
    for group in correlation.groups:
        names = zip(correlation.group_by, group, strict=True)
        values = {correlation.field_of(name, rule_id): (value,) for name, value in names}
        yield BaseHit(rule_id=rule_id, hit_id="", time=begin, values=values)
