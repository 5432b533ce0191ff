from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from correlate.correlation_fixture import SPAN, correlation, hit, times, until

from watcher.correlate import CorrelationState, correlate
from watcher.model.correlation_hits import BaseHit


@pytest.mark.parametrize(("distance", "expected"), [(SPAN - 1, [SPAN - 1]), (SPAN, [SPAN]), (SPAN + 1, [])])
def test_both_ends_of_the_window_count(distance: int, expected: list[int]) -> None:
    state = CorrelationState(correlation("event_count", {"gte": "2"}))
    assert times(state.add([hit(0), hit(distance)])) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"gt": "2"}, [3, 4]),
        ({"gte": "3"}, [3, 4]),
        ({"lt": "2"}, [1]),
        ({"lte": "2"}, [1, 2]),
        ({"eq": "3"}, [3]),
        ({"neq": "3"}, [1, 2, 4]),
        ({"gte": "2", "lt": "4"}, [2, 3]),
        ({"gt": "2.5"}, [3, 4]),
        ({"gt": "3", "lt": "4"}, []),
    ],
)
def test_the_condition_is_evaluated_at_each_base_hit(condition: dict[str, str], expected: list[int]) -> None:
    hits = [hit(time) for time in (1, 2, 3, 4)]
    result = correlate([correlation("event_count", condition)], hits, end=4)
    assert (times(result.matches), times(result.undecided)) == (expected, [])


def test_base_hits_of_one_millisecond_see_each_other() -> None:
    state = CorrelationState(correlation("event_count", {"gte": "2"}))
    matches = state.add([hit(5, id="x"), hit(5, id="y")])
    assert [match.completing.hit_id for match in matches] in (["x", "y"], ["y", "x"])


def test_an_event_that_two_rules_match_counts_for_each_and_a_duplicate_does_not() -> None:
    state = CorrelationState(correlation("event_count", {"gte": "2"}))
    assert state.add([hit(5, "a"), hit(5, "a")]) == ()
    assert len(state.add([hit(5, "a"), hit(5, "b"), hit(5, "other rule")])) == 2


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_the_order_of_arrival_does_not_matter(order: tuple[int, ...]) -> None:
    state = CorrelationState(correlation("event_count", {"gte": "3"}))
    matches = [match for time in order for match in state.add([hit(time)])]
    assert sorted(times(matches)) == [2, 3]
    assert state.add([hit(time) for time in order]) == ()


def test_a_late_hit_completes_what_is_later() -> None:
    state = CorrelationState(correlation("event_count", {"gte": "3"}))
    assert state.add([hit(10), hit(20), hit(11 + SPAN)]) == ()
    assert times(state.add([hit(15)])) == [20, 11 + SPAN]


def test_a_match_has_counts_samples_and_a_stable_id() -> None:
    hits = [hit(time, "a" if time % 2 else "b") for time in range(20)]
    (match,) = correlate([correlation("event_count", {"gte": "20"})], hits, end=20).matches
    assert (match.first, match.last, match.time, match.number) == (0, 19, 19, Decimal(20))
    assert match.counts == {"a": 10, "b": 10}
    assert [sample.time for sample in match.samples] == [0, 1, 2, 3, 4, 15, 16, 17, 18, 19]
    again = CorrelationState(correlation("event_count", {"gte": "1"})).add([hits[19]])
    assert [other.hit_id for other in again] == [match.hit_id]


def test_groups_fold_case_and_keep_the_spelling_of_the_completing_hit() -> None:
    state = CorrelationState(correlation("event_count", {"gte": "2"}, group_by=("user",)))
    matches = state.add([hit(1, user="STRASSE"), hit(2, user="straße"), hit(3, user="other")])
    assert [match.group for match in matches] == [(("user", "straße"),)]


@pytest.mark.parametrize("values", [{}, {"user": ()}, {"user": ""}])
def test_a_hit_without_the_group_value_is_not_counted(values: dict[str, str]) -> None:
    state = CorrelationState(correlation("event_count", {"gte": "1"}, group_by=("user",)))
    assert state.add([hit(1, **values)]) == ()
    assert state.ignored.without_group == 1


def test_several_group_values_are_a_group_each() -> None:
    state = CorrelationState(correlation("event_count", {"gte": "2"}, group_by=("user", "host")))
    matches = state.add([hit(1, user=("x", "y"), host=("h", "H")), hit(2, user="y", host="h")])
    assert [match.group for match in matches] == [(("user", "y"), ("host", "h"))]


def test_too_many_combinations_are_cut_and_counted() -> None:
    state = CorrelationState(correlation("event_count", {"gte": "1"}, group_by=("user", "host")))
    many = tuple(str(number) for number in range(40))
    assert len(state.add([hit(1, user=many, host=many)])) == 1_000
    assert state.ignored.cut == 600


def test_an_alias_is_a_field_of_each_rule() -> None:
    aliases = {"who": {"a": "source", "b": "target"}}
    grouped = correlation("event_count", {"gte": "3"}, group_by=("who",), aliases=aliases)
    matches = CorrelationState(grouped).add([hit(1, "a", source="x"), hit(2, "b", target="X"), hit(3, "c", who="x")])
    assert [match.group for match in matches] == [(("who", "x"),)]


def _values(*values: str | tuple[str, ...]) -> list[BaseHit]:
    return [hit(time, v=value) for time, value in enumerate(values)]


def test_distinct_values_fold_case() -> None:
    counting = correlation("value_count", {"gte": "2"}, fields=("v",))
    assert times(correlate([counting], _values("x", "X", "", ("x", "y"), "x"), end=9).matches) == [3, 4]


def test_tuples_of_several_fields_are_counted() -> None:
    counting = correlation("value_count", {"gte": "4"}, fields=("u", "v"))
    hits = [hit(1, u=("1", "2"), v=("x", "y")), hit(2, u="1")]
    assert times(correlate([counting], hits, end=9).matches) == [1]


@pytest.mark.parametrize(
    ("kind", "values", "number"),
    [
        ("value_sum", ["0.1", "0.2"], "0.3"),
        ("value_sum", [("1", "1"), "+2.", ".5", "-0x0A", "0X1f"], "25.5"),
        ("value_sum", ["1", "1e3", "NaN", "Infinity", " 1", "1_0", "x", "", "\u0661"], "1"),
        ("value_avg", ["1", "2"], "1.5"),
        ("value_median", ["1", "10", "3"], "3"),
        ("value_median", ["1", "10", "3", "4"], "3.5"),
    ],
)
def test_numbers_are_exact(kind: str, values: list[str], number: str) -> None:
    measured = correlation(kind, {"eq": number}, fields=("v",))
    (*_, match) = correlate([measured], _values(*values), end=99).matches
    assert match.number == Decimal(number)


def test_an_average_with_endless_digits_is_compared_exactly() -> None:
    hits = _values("0", "0", "1")
    third = "0.3333333333333333333333333333333333"
    assert times(correlate([correlation("value_avg", {"gt": third}, fields=("v",))], hits, end=9).matches) == [2]
    assert correlate([correlation("value_avg", {"eq": third}, fields=("v",))], hits, end=9).matches == ()


@pytest.mark.parametrize(
    ("percentile", "number"), [("0", "1"), ("25", "1"), ("25.1", "2"), ("50", "2"), ("75.5", "4"), ("100", "4")]
)
def test_a_percentile_is_the_nearest_rank(percentile: str, number: str) -> None:
    ranked = correlation("value_percentile", {"eq": number}, fields=("v",), percentile=Decimal(percentile))
    assert correlate([ranked], _values("4", "2", "3", "1"), end=9).matches[-1].time == 3


def test_a_percentile_without_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="rule: `value_percentile` needs `percentile`"):
        CorrelationState(correlation("value_percentile", {"gt": "1"}, fields=("v",))).add(_values("1"))


@pytest.mark.parametrize("condition", [{"lt": "3"}, {"eq": "2"}, {"neq": "3"}])
def test_an_upper_bound_waits_until_the_window_was_searched(condition: dict[str, str]) -> None:
    state = CorrelationState(correlation("event_count", condition))
    assert state.add([hit(0), hit(SPAN)]) == ()
    assert 0 in times(state.undecided()) or SPAN in times(state.undecided())
    assert state.decide(until(0)) == ()
    assert SPAN not in times(state.decide(until(SPAN)))
    assert state.decide(until(SPAN + 1))[-1].time == SPAN
    assert state.undecided() == ()
    assert state.decide(until(SPAN + 1)) == ()


def test_an_upper_bound_is_not_decided_over_a_gap() -> None:
    state = CorrelationState(correlation("event_count", {"lte": "1"}))
    state.add([hit(SPAN), hit(3 * SPAN)])
    gap = until(4 * SPAN).without(until(SPAN + 1).without(until(SPAN)))
    assert times(state.decide(gap)) == [3 * SPAN]
    assert times(state.add([hit(SPAN, id="late")])) == []
    assert state.decide(until(4 * SPAN)) == ()


def test_forgetting_keeps_what_late_hits_need() -> None:
    state = CorrelationState(correlation("event_count", {"gte": "2"}))
    state.add([hit(0), hit(1)])
    state.forget(SPAN + 1)
    assert state.add([hit(SPAN, id="too late")]) == ()
    assert state.ignored.too_late == 1
    assert times(state.add([hit(SPAN + 1)])) == [SPAN + 1]
    state.forget(SPAN * 3)
    assert state.add([hit(SPAN * 3)]) == ()


def test_a_hit_that_comes_after_its_time_was_searched_changes_what_is_later() -> None:
    state = CorrelationState(correlation("event_count", {"eq": "3"}))
    state.add([hit(1), hit(3)])
    assert state.decide(until(9)) == ()
    assert state.add([hit(2)]) == ()
    assert times(state.decide(until(9))) == [3]


def test_a_match_that_a_late_hit_would_have_ended_is_not_repeated() -> None:
    state = CorrelationState(correlation("event_count", {"lt": "2"}))
    state.add([hit(2)])
    assert times(state.decide(until(9))) == [2]
    state.add([hit(1)])
    assert times(state.decide(until(9))) == [1]
