from __future__ import annotations

from datetime import timedelta
from graphlib import CycleError

import pytest
from correlate.correlation_fixture import SPAN, correlation, hit, times, until

from watcher.correlate import CorrelationStates, correlate, inner_first
from watcher.model.correlation_hits import CorrelationHit
from watcher.model.correlations import AllOf, NoneOf, RuleName

FAILURES = correlation(
    "event_count",
    {"gte": "2"},
    rule_id="failures",
    base_rules=("a",),
    group_by=("who",),
    aliases={"who": {"a": "source"}},
)
THEN_LOGIN = correlation(
    "temporal_ordered",
    rule_id="then-login",
    base_rules=("failures", "b"),
    group_by=("who",),
    aliases={"who": {"b": "target"}},
)


def of_rule(matches: tuple[CorrelationHit, ...], rule_id: str) -> list[CorrelationHit]:
    return [match for match in matches if match.rule_id == rule_id]


def test_hits_of_an_inner_correlation_are_base_hits_of_the_outer_one() -> None:
    states = CorrelationStates([THEN_LOGIN, FAILURES])
    assert states.add([hit(1, "a", source="X", port="1"), hit(3, "b", target="x")]) == ()
    matches = states.add([hit(2, "a", source="x", port="2")])  # late: the login was there before
    (outer,) = of_rule(matches, "then-login")
    assert (outer.time, outer.group, outer.counts) == (3, (("who", "x"),), {"failures": 1, "b": 1})
    inner = outer.samples[0]
    assert inner.values == {"source": ("x",), "who": ("x",), "port": ("2",)}
    assert states.add([hit(2, "a", source="x")]) == ()


def test_the_group_of_an_inner_hit_replaces_several_values_of_its_event() -> None:
    per_source = correlation(
        "event_count", {"gte": "1"}, rule_id="outer", base_rules=("failures",), group_by=("source",)
    )
    matches = correlate([FAILURES, per_source], [hit(1, source="x"), hit(2, source=("x", "y"))], end=9).matches
    assert [match.group for match in of_rule(matches, "outer")] == [(("source", "x"),)]


def test_an_outer_absence_waits_until_the_inner_hits_are_decided() -> None:
    inner = correlation(
        "temporal", rule_id="inner", base_rules=("a", "c"), boolean=AllOf((RuleName("a"), NoneOf(RuleName("c"))))
    )
    outer = correlation("event_count", {"eq": "0"}, rule_id="outer", base_rules=("inner",))
    states = CorrelationStates([inner, outer])
    states.add([hit(0, "a")])
    spans = dict.fromkeys(("a", "c"), until(SPAN + 1))
    assert times(states.decide(spans)) == [0]
    assert states.decide(dict.fromkeys(("a", "c"), until(2 * SPAN))) == ()
    assert times(states.decide(dict.fromkeys(("a", "c"), until(2 * SPAN + 1)))) == [SPAN]


def test_a_base_rule_whose_source_was_not_searched_is_waited_for() -> None:
    both = correlation("event_count", {"lte": "9"}, base_rules=("a", "b"))
    states = CorrelationStates([both])
    states.add([hit(0, "a")])
    assert states.decide({"a": until(9)}) == ()
    assert times(states.undecided()) == [0]
    assert times(states.decide({"a": until(9), "b": until(1)})) == [0]


def test_an_absence_of_inner_hits_has_its_own_time_in_the_outer_correlation() -> None:
    silence = correlation("event_count", {"eq": "0"}, rule_id="silence", base_rules=("a",))
    outer = correlation("temporal_ordered", rule_id="outer", base_rules=("b", "silence"))
    result = correlate([outer, silence], [hit(0, "a"), hit(SPAN, "b")], end=SPAN)
    assert [(match.rule_id, match.time) for match in result.matches] == [("silence", SPAN), *[("outer", SPAN)] * 2]


def test_correlations_in_a_circle_are_refused() -> None:
    circle = [
        correlation("temporal", rule_id="x", base_rules=("y", "a")),
        correlation("temporal", rule_id="y", base_rules=("x", "a")),
    ]
    with pytest.raises(CycleError):
        inner_first(circle)


def test_history_and_fields_that_base_rules_need() -> None:
    states = CorrelationStates([THEN_LOGIN, FAILURES])
    assert states.histories() == {"a": 2 * SPAN, "b": SPAN}
    assert states.fields() == {"a": {"source", "who"}, "b": {"target"}}


def test_a_state_filled_with_its_history_returns_what_a_running_one_does() -> None:
    hits = [hit(time, "a", source="x") for time in range(0, 4 * SPAN, SPAN // 3)]
    hits += [hit(time + 1, "b", target="x") for time in range(0, 4 * SPAN, SPAN // 3)]
    running, restarted = CorrelationStates([THEN_LOGIN, FAILURES]), CorrelationStates([THEN_LOGIN, FAILURES])
    start = 3 * SPAN
    running.add(match for match in hits if match.time < start)
    needed = running.histories()
    restarted.add(match for match in hits if start - needed[match.rule_id] <= match.time < start)
    later = [match for match in hits if match.time >= start]
    assert running.add(later) == restarted.add(later) != ()


def test_forgetting_keeps_what_undecided_inner_hits_need() -> None:
    inner = correlation(
        "temporal", rule_id="inner", base_rules=("a", "c"), boolean=AllOf((RuleName("a"), NoneOf(RuleName("c"))))
    )
    outer = correlation("temporal", rule_id="outer", base_rules=("inner", "b"), timespan=timedelta(milliseconds=SPAN))
    states = CorrelationStates([outer, inner])
    states.add([hit(-SPAN, "b"), hit(0, "a")])
    states.forget(SPAN)
    matches = states.decide(dict.fromkeys(("a", "b", "c"), until(SPAN + 1)))
    assert [(match.rule_id, match.time) for match in matches] == [("inner", 0), ("outer", 0)]
