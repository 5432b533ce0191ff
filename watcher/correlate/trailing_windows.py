"""What the trailing windows of a correlation hold, also where its condition does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.correlate.comparisons import is_absence
from watcher.correlate.counted_values import GroupValues, counted_of, counts_values, groups_of
from watcher.correlate.judges import milliseconds
from watcher.correlate.ordered_rules import longest_run
from watcher.correlate.packed_hits import HitPacker
from watcher.correlate.timeline import Timeline, TimelineContents
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation, CorrelationType


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailingWindow:
    """The window of a group that ends at a base hit."""

    rule_id: str  # of the correlation rule
    group: tuple[tuple[str, str], ...]  # field or alias of `group-by` → value
    time: int  # of the base hit, in milliseconds
    first: int  # time of the first base hit in it
    counts: Mapping[str, int]  # id of base rule → base hits
    number: Decimal | None  # what the condition compares; None: a boolean condition, or an absence


@dataclass(slots=True)
class _Group:
    timeline: Timeline
    spelling: GroupValues


def trailing_windows(correlation: Correlation, base_hits: Iterable[BaseHit]) -> tuple[TrailingWindow, ...]:
    """Return the window of each group at each time of a base hit, by time; base hits come in any order."""
    groups: dict[GroupValues, _Group] = {}
    contents = TimelineContents(correlation, HitPacker(), frozenset(correlation.base_rules))
    for hit in base_hits:
        if hit.rule_id in correlation.base_rules:
            _insert(contents, groups, hit)
    windows = (
        _window(correlation, group, time) for group in groups.values() for time in dict.fromkeys(group.timeline.times)
    )
    return tuple(sorted(windows, key=lambda window: (window.time, window.group)))


def _insert(contents: TimelineContents, groups: dict[GroupValues, _Group], hit: BaseHit) -> None:
    if counts_values(contents.correlation) and not counted_of(contents.correlation, hit):
        return
    for key, spelling in groups_of(contents.correlation, hit).spellings.items():
        if key not in groups:
            groups[key] = _Group(Timeline(contents), spelling)
        if groups[key].timeline.insert(hit):
            groups[key].timeline.insert_time(hit.rule_id, hit.time)


def _window(correlation: Correlation, group: _Group, time: int) -> TrailingWindow:
    start = time - milliseconds(correlation.timespan)
    window = group.timeline.move_window(start, time)
    return TrailingWindow(
        rule_id=correlation.rule_id,
        group=tuple(zip(correlation.group_fields, group.spelling, strict=True)),
        time=time,
        first=group.timeline.times[window.start],
        counts=dict(window.rules),
        number=_number(correlation, group.timeline, start, time),
    )


def _number(correlation: Correlation, timeline: Timeline, start: int, time: int) -> Decimal | None:
    if correlation.boolean is not None or is_absence(correlation):
        return None
    window = timeline.move_window(start, time)
    if window.measure is not None:
        return window.measure.number()
    if correlation.type is CorrelationType.TEMPORAL:
        return Decimal(len(window.rules))
    if correlation.type is CorrelationType.TEMPORAL_ORDERED:
        return Decimal(longest_run(timeline, correlation.base_rules, start, time))
    return Decimal(len(window))
