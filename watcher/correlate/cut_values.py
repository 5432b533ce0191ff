"""Base hits with more combinations of values than are read: which groups do not count them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import prod

from watcher.correlate.comparisons import is_absence
from watcher.correlate.counted_values import (
    GroupValues,
    counts_tuples,
    distinct,
    field_values,
)
from watcher.correlate.spans import BEGINNING
from watcher.model.correlation_hits import MAX_COMBINATIONS, BaseHit
from watcher.model.correlations import Correlation

_MOST = 100  # base hits whose values are remembered


@dataclass(frozen=True, slots=True)
class _CutHit:
    """A base hit that some of its groups do not count, or not with all of its values."""

    time: int
    values: tuple[Collection[str], ...]  # of each group-by field
    complete: Collection[GroupValues]  # groups that count it with all of its values

    def lacks(self, key: GroupValues) -> bool:
        """Return whether a group is one of its groups, and does not count all of it."""
        return key not in self.complete and all(part in column for part, column in zip(key, self.values, strict=True))


class CutValues:
    """The base hits of a correlation that were cut; the newest are remembered with their groups."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._counts_tuples = counts_tuples(correlation) and not is_absence(correlation)  # which any value ends
        self._hits: dict[tuple[str, str], _CutHit] = {}  # rule and id
        self._forgotten = BEGINNING  # the groups of base hits up to this time are not remembered

    def note(self, hit: BaseHit, groups: Collection[GroupValues], *, cut: int) -> None:
        """Remember a base hit whose values may be cut; `groups` are those that count it, `cut` is how many do not."""
        correlation = self._correlation
        if self._counts_tuples:
            counted = prod(len(distinct(field_values(correlation, name, hit))) for name in correlation.fields)
            if counted > MAX_COMBINATIONS:
                groups, cut = (), cut or 1
        if not cut:
            return
        columns = tuple(distinct(field_values(correlation, name, hit)).keys() for name in correlation.group_fields)
        self._hits[hit.rule_id, hit.hit_id] = _CutHit(hit.time, columns, frozenset(groups))
        if len(self._hits) > _MOST:
            oldest = min(self._hits, key=lambda key: self._hits[key].time)
            self._forgotten = max(self._forgotten, self._hits.pop(oldest).time)

    def lacks(self, key: GroupValues, start: int, end: int) -> bool:
        """Return whether a group does not count all values of the base hits from `start` to `end`, both included.

        Base hits beyond the limit do not count here: they are too many to know their groups.
        """
        return any(start <= hit.time <= end and hit.lacks(key) for hit in self._hits.values())

    def may_lack(self, key: GroupValues, start: int, end: int) -> bool:
        """Return whether a group may not count all of them, as far as that is known."""
        return start <= self._forgotten or self.lacks(key, start, end)

    def forget(self, before: int) -> None:
        """Drop base hits before a time."""
        if self._forgotten < before:
            self._forgotten = BEGINNING
        for key in [key for key, hit in self._hits.items() if hit.time < before]:
            del self._hits[key]

    @property
    def events(self) -> CutEvents | None:
        """The base hits that are remembered; None where there are none."""
        if not self._hits:
            return None
        last = max(hit.time for hit in self._hits.values())
        return CutEvents(events=len(self._hits), last=last, or_more=self._forgotten > BEGINNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutEvents:
    """Events of which a correlation does not count all combinations of values."""

    events: int
    last: int  # the time of the newest of them
    or_more: bool  # whether there are further ones
