"""The types that Sigma does not have: new values, spikes, and absence of listed groups."""

from __future__ import annotations

from decimal import Decimal

import pytest
from correlate.correlation_fixture import SPAN, correlation, hit, times, until
from support.correlation_reference import reference
from support.random_correlations import scenario

from watcher.correlate import CorrelationState, CorrelationStates, Spans, correlate
from watcher.correlate.spans import BEGINNING
from watcher.model.correlations import EXTENSION_TYPES, CorrelationType

NEW = correlation("new_value", fields=("user",), group_by=("host",))
SPIKE = correlation("spike", {"gte": "2"}, windows=2, minimum=2)
LISTED = correlation("absence", group_by=("host",), groups=(("dc01",), ("dc02",)))
WINDOW = SPAN + 1  # milliseconds of a window, both ends included


def test_a_value_is_new_where_none_was_within_the_timespan() -> None:
    hits = [hit(time, user="alice", host="h") for time in (0, SPAN, 2 * SPAN + 1)]
    result = correlate([NEW], [*hits, hit(1, user="ALICE", host="other"), hit(2, host="h")], end=9 * SPAN)
    assert [(match.time, dict(match.group)) for match in result.matches] == [
        (0, {"host": "h", "user": "alice"}),
        (1, {"host": "other", "user": "ALICE"}),
        (2 * SPAN + 1, {"host": "h", "user": "alice"}),
    ]


def test_hits_of_one_millisecond_are_one_new_value() -> None:
    hits = [hit(5, user="x", host="h", id=name) for name in ("b", "a", "c")]
    (match,) = correlate([NEW], hits, end=5).matches
    assert match.completing.hit_id == "a"


def test_a_value_is_new_only_where_its_history_was_searched() -> None:
    state = CorrelationState(NEW)
    assert state.add([hit(SPAN, user="x", host="h")]) == ()
    assert state.decide(Spans.of([(1, 9 * SPAN)])) == ()
    assert times(state.decide(Spans.of([(0, 9 * SPAN)]))) == [SPAN]


def test_history_that_arrives_late_ends_a_new_value() -> None:
    state = CorrelationState(NEW)
    state.add([hit(SPAN, user="x", host="h")])
    state.add([hit(0, user="x", host="h")])
    assert times(state.decide(until(9 * SPAN))) == [0]


def test_a_spike_is_above_the_median_of_the_windows_before() -> None:
    earlier = [hit(0), hit(WINDOW), hit(WINDOW + 1)]  # counts 1 and 2: the median is 1.5
    now = [hit(3 * WINDOW - number) for number in (3, 2, 1)]
    matches = correlate([SPIKE], [*earlier, *now], end=9 * SPAN).matches
    assert [(match.time, match.number, match.usual) for match in matches] == [
        (WINDOW + 1, Decimal(2), Decimal("0.5")),
        (3 * WINDOW - 1, Decimal(3), Decimal("1.5")),
    ]


def test_empty_windows_count_zero_and_the_minimum_holds() -> None:
    result = correlate([SPIKE], [hit(time) for time in (0, 1)], end=9 * SPAN)
    assert [(match.time, match.number, match.usual) for match in result.matches] == [(1, Decimal(2), Decimal(0))]


def test_a_spike_is_evaluated_only_where_all_windows_were_searched() -> None:
    state = CorrelationState(SPIKE)
    state.add([hit(3 * WINDOW), hit(3 * WINDOW + 1)])
    first = 3 * WINDOW + 1 - SPAN - 2 * WINDOW
    assert state.decide(Spans.of([(first + 1, 9 * SPAN)])) == ()
    assert times(state.decide(Spans.of([(first, 9 * SPAN)]))) == [3 * WINDOW + 1]


def test_listed_groups_are_silent_from_the_beginning() -> None:
    result = correlate([LISTED], [hit(SPAN, host="DC01"), hit(9, host="x")], begin=0, end=2 * SPAN)
    assert [(match.time, match.group, match.completing.index, match.samples != ()) for match in result.matches] == [
        (SPAN, (("host", "dc02"),), "", False),
        (SPAN + 9, (("host", "x"),), "", True),
        (2 * SPAN, (("host", "DC01"),), "", True),
    ]


def test_without_a_beginning_no_listed_group_is_silent() -> None:
    assert correlate([LISTED], [], end=9 * SPAN).matches == ()


def test_what_a_correlation_expects_does_not_count_for_another() -> None:
    counting = correlation("event_count", {"gte": "1"}, rule_id="other")
    states = CorrelationStates([counting, LISTED])
    states.expect({"rule": 0, "other": 0})
    searched = dict.fromkeys(("a", "b", "c"), Spans.of([(BEGINNING, 9 * SPAN)]))
    assert {match.rule_id for match in states.decide(searched)} == {"rule"}


@pytest.mark.parametrize("kind", EXTENSION_TYPES)
def test_random_cases_have_matches_of_each_type(kind: CorrelationType) -> None:
    cases = (scenario(seed) for seed in range(400))
    matching = [
        seed
        for seed, case in enumerate(cases)
        if case.correlations[0].type is kind and reference(case.correlations[0], case.base_hits, end=case.end).completed
    ]
    assert len(matching) > 10
