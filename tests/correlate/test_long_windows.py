from __future__ import annotations

from random import Random

import pytest
from correlate.correlation_fixture import correlation, hit

from watcher.correlate import CorrelationState
from watcher.correlate.judges import Judgement
from watcher.correlate.timeline import Timeline
from watcher.model.correlations import Correlation

HITS = 2_000
TIMES = list(range(HITS))
ORDERS = {"in order": TIMES, "reverse": TIMES[::-1], "random": Random(1).sample(TIMES, HITS)}  # noqa: S311 - reproducible


class CountedState(CorrelationState):
    """A state that counts how often it evaluates its condition."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self.evaluations = 0
        judge = self._judge.judge

        def counted(timeline: Timeline, time: int) -> Judgement | None:
            self.evaluations += 1
            return judge(timeline, time)

        self._judge.judge = counted  # type: ignore[method-assign]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("event_count", {"gte": "10"}),
        ("event_count", {"gt": "1000"}),
        ("event_count", {"gte": "3000"}),
        ("event_count", {"lt": "10"}),
        ("temporal", {}),
        ("temporal_ordered", {}),
    ],
)
def test_a_base_hit_in_a_long_window_costs_few_evaluations(kind: str, condition: dict[str, str], order: str) -> None:
    state = CountedState(correlation(kind, condition))
    matches = [match for time in ORDERS[order] for match in state.add([hit(time, "ab"[time % 2])])]
    least = {"10": HITS - 9, "1000": HITS - 1000}.get(condition.get("gte") or condition.get("gt") or "", 0)
    assert len(matches) == least
    assert state.evaluations <= 2 * HITS
