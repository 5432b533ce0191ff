"""Matches of a timeline as correlation hits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from watcher.correlate.counted_values import GroupValues, spelling_of
from watcher.correlate.judges import Judgement
from watcher.correlate.timeline import Timeline
from watcher.digests import digest
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.model.correlations import Correlation

SAMPLES_AT_EACH_END = 5


def correlation_hit(
    correlation: Correlation, key: GroupValues, timeline: Timeline, judgement: Judgement, index: int
) -> CorrelationHit:
    """Return the correlation hit of a match, completed by the base hit at an index of the timeline."""
    start, end = judgement.contributing
    completing = timeline.hits[index]
    is_absence = judgement.time > completing.time
    # base hits of the same millisecond complete one match, whichever of them is there first
    identity = (judgement.once, str(judgement.time)) if judgement.once else (completing.rule_id, completing.hit_id)
    return CorrelationHit(
        rule_id=correlation.rule_id,
        hit_id=digest("correlation", correlation.rule_id, *key, *identity),
        group=tuple(zip(correlation.group_fields, spelling_of(correlation, completing, key), strict=True)),
        time=judgement.time,
        first=timeline.times[start],
        last=timeline.times[end - 1],
        completing=completing,
        number=judgement.number,
        usual=judgement.usual,
        cut_until=None if start or is_absence else timeline.cut_until,
        counts={} if is_absence else _counts(timeline, start, end),
        samples=_samples(timeline, start, end),
        seen_again=timeline.first_after(completing.time) if is_absence else None,
    )


def _counts(timeline: Timeline, start: int, end: int) -> Mapping[str, int]:
    window = timeline.window
    if (window.start, window.end) == (start, end):
        return dict(window.rules)
    return Counter(hit.rule_id for hit in timeline.hits[start:end])


def _samples(timeline: Timeline, start: int, end: int) -> tuple[BaseHit, ...]:
    middle = min(start + SAMPLES_AT_EACH_END, end)
    chosen = (*timeline.hits[start:middle], *timeline.hits[max(middle, end - SAMPLES_AT_EACH_END) : end])
    return tuple(hit for hit in chosen if hit.hit_id)  # a listed group begins without an event


def base_hit(correlation: Correlation, match: CorrelationHit) -> BaseHit:
    """Return a correlation hit as a base hit of an outer correlation.

    It has the fields of its completing event; the group-by fields, and their aliases, have the values of the group.
    """
    values = dict(match.completing.values)
    for name, value in match.group:
        values[correlation.field_of(name, match.completing.rule_id)] = (value,)
    for name, value in match.group:
        values[name] = (value,)
    return BaseHit(
        rule_id=match.rule_id,
        hit_id=match.hit_id,
        time=match.time,
        values=values,
        index=match.completing.index,
        event_id=match.completing.event_id,
    )
