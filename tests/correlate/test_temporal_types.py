from __future__ import annotations

import pytest
from correlate.correlation_fixture import SPAN, correlation, hit, times, until

from watcher.correlate import CorrelationState, correlate
from watcher.correlate.rule_terms import rule_terms
from watcher.correlate.timeline import Timeline
from watcher.model.correlations import AllOf, AnyOf, NoneOf, RuleCondition, RuleName

A, B, C = RuleName("a"), RuleName("b"), RuleName("c")
A_WITHOUT_C = AllOf((A, NoneOf(C)))


def run(kind: str, sequence: str, *, condition: dict[str, str] | None = None, **settings: object) -> list[int]:
    """Return the times of the matches of base hits, a millisecond apart; a dash repeats the time before it."""
    hits, time = [], 0
    for letter in sequence:
        time += -1 if letter == "-" else 1
        hits += [hit(time, letter)] if letter in "abc" else []
    return times(correlate([correlation(kind, condition, **settings)], hits, end=10 * SPAN).matches)


def test_temporal_needs_every_rule() -> None:
    assert run("temporal", "aabca") == [4, 5]


def test_temporal_compares_the_number_of_different_rules() -> None:
    assert run("temporal", "aabba", condition={"gte": "2"}) == [3, 4, 5]


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [("abc", [3]), ("acb", []), ("acbc", [4]), ("cba", []), ("c-b-a", [1, 1, 1]), ("abcb", [3, 4])],
)
def test_temporal_ordered_needs_the_rules_in_order(sequence: str, expected: list[int]) -> None:
    assert run("temporal_ordered", sequence) == expected


@pytest.mark.parametrize(("sequence", "expected"), [("cb", []), ("ac", [2]), ("bca", [2, 3]), ("ba", [])])
def test_temporal_ordered_compares_the_longest_run(sequence: str, expected: list[int]) -> None:
    assert run("temporal_ordered", sequence, condition={"gte": "2"}) == expected


@pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
@pytest.mark.parametrize("count", [3, 30, 100])
def test_a_group_with_base_hits_of_too_few_rules_rests_until_the_last_rule_comes(kind: str, count: int) -> None:
    rule = correlation(kind, base_rules=("a", "b"))
    state, hits = CorrelationState(rule), [hit(time) for time in range(0, 3 * count, 3)]
    assert [state.add([base_hit]) for base_hit in (*hits, hits[1], hits[-1])] == [()] * (count + 2)
    (kept,) = state.timelines._timelines.values()
    assert isinstance(kept, Timeline) is (count > 3)  # those that came again woke it: longer ones stay so
    others = [hit(4, "b"), hit(3 * count + 7, "b"), hit(1), hit(3 * count + 7, "b")]
    returned = [match.hit_id for base_hit in others for match in state.add([base_hit])]
    expected = correlate([rule], [*hits, *others[:3]], end=10 * SPAN).matches
    assert sorted(returned) == sorted(match.hit_id for match in expected)
    assert len(expected) > 1


@pytest.mark.parametrize(("distance", "expected"), [(SPAN, [SPAN]), (SPAN + 1, [])])
def test_the_first_rule_leaves_the_window(distance: int, expected: list[int]) -> None:
    hits = [hit(0, "a"), hit(1, "b"), hit(distance, "c")]
    for kind in ("temporal", "temporal_ordered"):
        assert times(CorrelationState(correlation(kind)).add(hits)) == expected


def test_a_boolean_condition_is_completed_by_the_rules_that_it_asks_for() -> None:
    condition = AllOf((A, AnyOf((B, NoneOf(C)))))
    assert run("temporal", "abcb", boolean=condition) == [2, 4]


def test_an_ordered_boolean_condition_needs_its_rules_in_order() -> None:
    assert run("temporal_ordered", "ba", boolean=AllOf((A, B))) == []
    assert run("temporal_ordered", "acb", boolean=AllOf((A, AnyOf((B, C))))) == [2, 3]


@pytest.mark.parametrize(("time", "expected"), [(-SPAN - 1, [0]), (-SPAN, []), (0, []), (SPAN, []), (SPAN + 1, [0])])
def test_an_excluded_rule_is_looked_for_a_timespan_before_and_after(time: int, expected: list[int]) -> None:
    hits = [hit(0, "a"), hit(time, "c")]
    result = correlate([correlation("temporal", boolean=A_WITHOUT_C)], hits, end=3 * SPAN)
    assert times(result.matches) == expected


def test_an_exclusion_is_decided_when_it_can_no_longer_change() -> None:
    state = CorrelationState(correlation("temporal", boolean=A_WITHOUT_C))
    assert state.add([hit(0, "a")]) == ()
    assert times(state.undecided()) == [0]
    assert state.decide(until(SPAN)) == ()
    assert times(state.decide(until(SPAN + 1))) == [0]
    assert state.undecided() == ()


def test_a_late_hit_of_an_excluded_rule_ends_a_match_that_was_not_decided() -> None:
    state = CorrelationState(correlation("temporal", boolean=A_WITHOUT_C))
    state.add([hit(0, "a")])
    assert state.add([hit(-5, "c")]) == ()
    assert state.decide(until(9 * SPAN)) == ()


def test_an_exclusion_is_not_decided_over_a_gap() -> None:
    state = CorrelationState(correlation("temporal", boolean=A_WITHOUT_C))
    state.add([hit(0, "a")])
    gap = until(9 * SPAN).without(until(SPAN + 1).without(until(SPAN)))
    assert state.decide(gap) == ()


def test_what_holds_whatever_else_arrives_is_returned_at_once() -> None:
    state = CorrelationState(correlation("temporal", boolean=AllOf((A, AnyOf((B, NoneOf(C)))))))
    assert times(state.add([hit(0, "a"), hit(1, "b")])) == [1]
    assert times(state.decide(until(9 * SPAN))) == [0]


@pytest.mark.parametrize("condition", [NoneOf(A), AnyOf((A, NoneOf(B))), NoneOf(AllOf((A, B)))])
def test_a_condition_that_holds_without_events_is_refused(condition: RuleCondition) -> None:
    with pytest.raises(ValueError, match="holds with no event at all"):
        rule_terms(condition)


def test_a_condition_of_too_many_alternatives_is_refused() -> None:
    pairs = (AnyOf((RuleName(f"x{number}"), RuleName(f"y{number}"))) for number in range(11))
    with pytest.raises(ValueError, match="more than 1024 alternatives"):
        rule_terms(AllOf(tuple(pairs)))


def test_a_late_hit_is_excluded_by_a_hit_that_was_searched_before() -> None:
    state = CorrelationState(correlation("temporal", base_rules=("a", "c"), boolean=A_WITHOUT_C))
    state.add([hit(0, "a", id="first"), hit(0, "c", id="first")])
    assert state.decide(until(SPAN // 2 + 2 * SPAN)) == ()
    state.add([hit(3 * SPAN, "c")])
    assert state.decide(until(5 * SPAN)) == ()
    state.add([hit(3 * SPAN, "a", id="late")])
    assert state.decide(until(6 * SPAN)) == ()
