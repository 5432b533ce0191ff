from __future__ import annotations

from decimal import Decimal

import pytest
from correlate.correlation_fixture import SPAN, correlation, hit, times, until

from watcher.correlate import CorrelationState, Spans, correlate
from watcher.correlate.comparisons import is_absence

SILENT = correlation("event_count", {"eq": "0"}, group_by=("host",))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"eq": "0"}, True),
        ({"lt": "1"}, True),
        ({"lte": "0"}, True),
        ({"lt": "0.5"}, True),
        ({"gte": "0", "lt": "1"}, True),
        ({"lt": "2"}, False),
        ({"lte": "1"}, False),
        ({"lt": "0"}, False),
        ({"neq": "1"}, False),
        ({"gte": "0"}, False),
    ],
)
def test_which_conditions_are_an_absence(condition: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - a column of a table
    assert is_absence(correlation("event_count", condition)) is expected
    assert is_absence(correlation("value_count", condition, fields=("v",))) is expected
    assert not is_absence(correlation("value_sum", condition, fields=("v",)))


@pytest.mark.parametrize(("distance", "expected"), [(SPAN, []), (SPAN + 1, [SPAN])])
def test_silence_is_longer_than_the_timespan(distance: int, expected: list[int]) -> None:
    result = correlate([SILENT], [hit(0, host="h"), hit(distance, host="H")], end=distance)
    assert times(result.matches) == expected
    assert times(result.undecided) == [distance + SPAN]


def test_an_absence_is_returned_once_with_what_came_before() -> None:
    state = CorrelationState(SILENT)
    state.add([hit(0, host="h"), hit(0, host="h", id="x")])
    (match,) = state.decide(until(SPAN + 1))
    assert (match.time, match.first, match.last, match.number, match.counts) == (SPAN, 0, 0, Decimal(0), {})
    assert match.completing.hit_id == "x"
    assert state.decide(until(9 * SPAN)) == ()


def test_an_absence_is_decided_after_the_timespan() -> None:
    state = CorrelationState(SILENT)
    state.add([hit(0, host="h")])
    assert state.decide(until(SPAN)) == ()
    assert times(state.decide(until(SPAN + 1))) == [SPAN]


@pytest.mark.parametrize(("outage", "expected"), [((-5, 0), [SPAN]), ((1, 2), []), ((SPAN, SPAN + 1), [])])
def test_an_outage_is_no_silence(outage: tuple[int, int], expected: list[int]) -> None:
    state = CorrelationState(SILENT)
    state.add([hit(0, host="h")])
    assert times(state.decide(until(9 * SPAN).without(Spans.of([outage])))) == expected


def test_a_gap_that_is_searched_later_ends_or_shows_the_silence() -> None:
    state = CorrelationState(SILENT)
    state.add([hit(0, host="h"), hit(0, host="other")])
    assert state.decide(until(9 * SPAN).without(Spans.of([(5, 9)]))) == ()
    state.add([hit(7, host="h")])
    assert [(match.group, match.time) for match in state.decide(until(9 * SPAN))] == [
        ((("host", "other"),), SPAN),
        ((("host", "h"),), SPAN + 7),
    ]


def test_a_hit_of_the_same_millisecond_does_not_repeat_an_absence() -> None:
    state = CorrelationState(SILENT)
    state.add([hit(0, host="h")])
    assert len(state.decide(until(9 * SPAN))) == 1
    state.add([hit(0, host="h", id="late")])
    assert state.decide(until(9 * SPAN)) == ()


def test_silence_of_values() -> None:
    silent = correlation("value_count", {"eq": "0"}, fields=("v",))
    result = correlate([silent], [hit(0, v="x"), hit(SPAN // 2), hit(SPAN + 1)], end=SPAN + 1)
    assert times(result.matches) == [SPAN]
