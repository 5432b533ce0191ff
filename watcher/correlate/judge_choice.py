"""The judge of each type of correlation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watcher.correlate.comparisons import is_absence
from watcher.correlate.counted_values import counts_values
from watcher.correlate.extension_judges import NewValueJudge, SpikeJudge
from watcher.correlate.judges import (
    AbsenceJudge,
    BooleanJudge,
    HitCountJudge,
    Judge,
    MeasureJudge,
    OrderedJudge,
    RuleCountJudge,
)
from watcher.model.correlations import Correlation, CorrelationType

_JUDGES: Mapping[CorrelationType, Callable[[Correlation], Judge]] = {
    CorrelationType.NEW_VALUE: NewValueJudge,
    CorrelationType.SPIKE: SpikeJudge,
    CorrelationType.TEMPORAL: RuleCountJudge,
    CorrelationType.TEMPORAL_ORDERED: OrderedJudge,
    CorrelationType.EVENT_COUNT: HitCountJudge,
}


def judge_of(correlation: Correlation) -> Judge:
    """Return the judge of a correlation."""
    if correlation.boolean is not None:
        return BooleanJudge(correlation, correlation.boolean)
    if is_absence(correlation):
        return AbsenceJudge(correlation)
    if counts_values(correlation):
        return MeasureJudge(correlation)
    return _JUDGES[correlation.type](correlation)
