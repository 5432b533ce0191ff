"""What correlations count, and what they return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

MAX_COMBINATIONS = 1_000
"""Combinations of several values of several fields that are read of a base hit; the rest is cut and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseHit:
    """One event that a base rule matches, or one hit of an inner correlation."""

    rule_id: str
    hit_id: str  # the same for every delivery of this pair of rule and event
    time: int  # event time in milliseconds since 1970
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # field of the rule → its values as text
    index: str = ""  # of the event; of an inner correlation's hit, that of its last event
    event_id: str = ""  # the event's `_id`


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationHit:
    """One completed match of a correlation in one group."""

    rule_id: str  # of the correlation rule
    hit_id: str  # digest of rule, group and completing hit: the same in live runs, restarts and backfills
    group: tuple[tuple[str, str], ...]  # field or alias of `group-by` → value, in the spelling of the completing hit
    time: int  # in milliseconds: the time of the last event; of an absence, last event + timespan
    first: int  # time of the first contributing base hit
    last: int  # time of the last contributing base hit
    completing: BaseHit  # at which the condition held; of an absence, the last one before it
    number: Decimal | None = None  # what was compared: a count, sum, average, percentile or median
    usual: Decimal | None = None  # of a spike: the median count of the earlier windows
    counts: Mapping[str, int] = field(default_factory=dict)  # id of base rule → contributing base hits
    cut_until: int | None = None  # earlier base hits up to this time may lack: the limit of memory dropped them
    cut_values: bool = False  # events of its window have more combinations of values than it counts
    samples: tuple[BaseHit, ...] = ()  # some contributing base hits: the first and the last ones
    seen_again: int | None = None  # of an absence: when the group was seen again, where that is searched already

    @property
    def is_absence(self) -> bool:
        """Whether it says that no base hit followed the completing one."""
        return self.time > self.completing.time
