"""The brute-force reference of correlations is judged by cases whose answers are worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from support.correlation_reference import Answer, Completion, inner_hit_id, reference, reference_all
from support.random_correlations import scenario

from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import (
    AllOf,
    AnyOf,
    ComparisonOperator,
    Correlation,
    CorrelationType,
    NoneOf,
    NumericComparison,
    RuleName,
)

LATER = 1_000_000  # all that happens is decided by then
A, B, C = RuleName("a"), RuleName("b"), RuleName("c")
Condition = Mapping[str, str]  # operator → number


def correlation(kind: str, rules: str = "a", condition: Condition | None = None, **parts: object) -> Correlation:
    """Return a correlation of ten milliseconds without `group-by`, with the given parts."""
    plain = Correlation(
        rule_id="correlation",
        type=CorrelationType(kind),
        base_rules=tuple(rules),
        timespan=timedelta(milliseconds=10),
        comparisons=tuple(
            NumericComparison(operator=ComparisonOperator(name), value=Decimal(number))
            for name, number in (condition or {}).items()
        ),
    )
    return replace(plain, **parts)  # type: ignore[arg-type]


def hits(written: str, **values: tuple[str, ...]) -> list[BaseHit]:
    """Return base hits of `rule@time`, with an id of the same text."""
    return [
        BaseHit(rule_id=text.split("@")[0], hit_id=text, time=int(text.split("@")[1]), values=values)
        for text in written.split()
    ]


def hit(written: str, **values: str) -> BaseHit:
    """Return a base hit of `rule@time` with values; commas separate several values."""
    return hits(written, **{name: tuple(text.split(",")) for name, text in values.items()})[0]


def completed(rule: Correlation, base_hits: list[BaseHit], end: int = LATER) -> str:
    """Return the ids of the completing hits, in their order."""
    return " ".join(ids(reference(rule, base_hits, end=end)))


def ids(answer: Answer) -> list[str]:
    ordered = sorted(answer.completed, key=lambda match: (match.time, match.completing))
    return [match.completing[1] for match in ordered]


def undecided(rule: Correlation, base_hits: list[BaseHit], end: int) -> set[tuple[str, int]]:
    return {(match.completing[1], match.time) for match in reference(rule, base_hits, end=end).undecided}


def numbers(rule: Correlation, base_hits: list[BaseHit]) -> list[Fraction | None]:
    ordered = sorted(reference(rule, base_hits, end=LATER).completed, key=lambda match: (match.time, match.completing))
    return [match.number for match in ordered]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a@0 a@10", "a@10"),  # both ends are included
        ("a@0 a@11", ""),
        ("a@0 a@1 a@10 a@11 a@22", "a@1 a@10 a@11"),  # trailing, not aligned to a clock
        ("a@10 a@0", "a@10"),  # the order of arrival does not matter
        ("a@3 a@3", ""),  # two deliveries of one hit
        ("a@0 b@5 a@9", "a@9"),  # a rule that the correlation does not list
        ("a@-5 a@5", "a@5"),
    ],
)
def test_the_window_is_trailing_and_counts_each_hit_once(written: str, expected: str) -> None:
    assert completed(correlation("event_count", condition={"gte": "2"}), hits(written)) == expected


def test_an_event_of_two_rules_counts_for_each_and_completes_for_each() -> None:
    event = [BaseHit(rule_id=rule_id, hit_id="event", time=4) for rule_id in ("a", "b")]
    answer = reference(correlation("event_count", "ab", {"gte": "2"}), event, end=LATER)
    assert answer.completed == {Completion((), 4, (rule_id, "event"), Fraction(2)) for rule_id in ("a", "b")}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"gt": "2"}, "a@2 a@3"),
        ({"gte": "2"}, "a@1 a@2 a@3"),
        ({"lt": "2"}, "a@0"),  # rare so far: it holds at the first hits
        ({"lte": "2"}, "a@0 a@1"),
        ({"eq": "2"}, "a@1"),
        ({"neq": "2"}, "a@0 a@2 a@3"),
        ({"gte": "2", "lt": "4"}, "a@1 a@2"),
        ({"gt": "1.5", "lt": "2.5"}, "a@1"),
        ({"gte": "0"}, "a@0 a@1 a@2 a@3"),
        ({"lt": "0"}, ""),
    ],
)
def test_conditions_are_evaluated_at_every_hit(condition: Condition, expected: str) -> None:
    assert completed(correlation("event_count", condition=condition), hits("a@0 a@1 a@2 a@3")) == expected


def test_hits_of_one_millisecond_see_the_same_window() -> None:
    same = [BaseHit(rule_id="a", hit_id=name, time=5) for name in ("x", "y")]
    assert completed(correlation("event_count", condition={"eq": "2"}), same) == "x y"
    assert completed(correlation("event_count", condition={"eq": "1"}), same) == ""


@pytest.mark.parametrize("condition", [{"eq": "0"}, {"lt": "1"}, {"lte": "0"}, {"lte": "0.5"}, {"lt": "2", "neq": "1"}])
def test_an_absence_is_once_per_gap_a_timespan_after_the_last_hit(condition: Condition) -> None:
    rule = correlation("event_count", condition=condition)
    answer = reference(rule, hits("a@0 a@10 a@21 a@25"), end=35)
    gaps = {(10, "a@10"): 20, (25, "a@25"): 35}  # a hit at 20 would have ended the first gap, one at 21 does not
    assert answer.completed == {Completion((), time, ("a", name), Fraction(0)) for (_, name), time in gaps.items()}
    assert answer.undecided == frozenset()


def test_an_absence_is_undecided_until_its_span_is_searched() -> None:
    rule = correlation("event_count", condition={"eq": "0"})
    assert (completed(rule, hits("a@25"), 34), undecided(rule, hits("a@25"), 34)) == ("", {("a@25", 35)})
    assert completed(rule, hits("a@25 a@25 a@35"), 44) == ""
    assert undecided(rule, hits("a@25 a@35"), 34) == {("a@25", 35)}  # a hit after the end is not seen yet
    same = [BaseHit(rule_id="a", hit_id=name, time=5) for name in ("x", "y")]
    assert completed(rule, same) == "y"  # one gap, one match


def test_an_absence_of_values_ignores_events_without_the_value() -> None:
    rule = correlation("value_count", condition={"eq": "0"}, fields=("user",))
    events = [hit("a@0", user="x"), hit("a@5"), hit("a@8", user=""), hit("a@11", user="y")]
    assert completed(rule, events, 20) == "a@0"
    sums = correlation("value_sum", condition={"eq": "0"}, fields=("bytes",))
    balance = [hit("a@0", bytes="2"), hit("a@5", bytes="-2"), hit("a@6", bytes="0")]
    assert completed(sums, balance) == "a@5 a@6"  # a sum of 0 is no absence


def test_values_are_counted_without_case_and_exactly() -> None:
    rule = correlation("value_count", condition={"gte": "2"}, fields=("user",))
    events = [hit("a@0", user="Straße"), hit("a@1", user="STRASSE"), hit("a@2", user="x"), hit("a@3"), hit("a@11")]
    assert (completed(rule, events), numbers(rule, events)) == ("a@2", [2])


def test_each_of_several_values_counts_and_tuples_count_their_product() -> None:
    events = [hit("a@0", user="x,y,X", host="m,n")]
    assert numbers(correlation("value_count", condition={"gte": "1"}, fields=("user",)), events) == [2]
    pairs = correlation("value_count", condition={"gte": "1"}, fields=("user", "host"))
    assert numbers(pairs, [*events, hit("a@1", user="x"), hit("a@2", user="Y", host="n,o")]) == [4, 5]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("1,0x10,-0.5", Fraction(33, 2)),
        ("0.1,0.2", Fraction(3, 10)),
        ("+1,.5,5.,-0XfF", Fraction(-497, 2)),
        ("5,5", Fraction(10)),
        ("7,1e3,NaN,Infinity,n/a,1_0, 1,٣,0x", Fraction(7)),
        ("9" * 40 + ",1", Fraction(10**40)),
    ],
)
def test_numbers_are_exact_decimals(values: str, expected: Fraction) -> None:
    rule = correlation("value_sum", condition={"neq": "3"}, fields=("bytes",))
    assert numbers(rule, [hit("a@0", bytes=values)]) == [expected]
    assert completed(rule, [hit("a@0", bytes="1e3")]) == ""  # no number: the event takes no part


def test_averages_are_compared_exactly() -> None:
    events = [hit("a@0", bytes="1,1,2")]
    below, above = "1.3333333333333333333333333333", "1.3333333333333333333333333334"
    rule = correlation("value_avg", condition={"gt": below, "lt": above}, fields=("bytes",))
    assert numbers(rule, events) == [Fraction(4, 3)]
    assert completed(correlation("value_avg", condition={"eq": below}, fields=("bytes",)), events) == ""


@pytest.mark.parametrize(
    ("percentile", "expected"),
    [("0", 15), ("5", 15), ("20", 15), ("20.1", 20), ("30", 20), ("40", 20), ("50", 35), ("99.9", 50), ("100", 50)],
)
def test_a_percentile_is_the_nearest_rank(percentile: str, expected: int) -> None:
    rule = correlation("value_percentile", condition={"gte": "0"}, fields=("bytes",), percentile=Decimal(percentile))
    assert numbers(rule, [hit("a@0", bytes="50,15,40,20,35")]) == [expected]


@pytest.mark.parametrize(("values", "expected"), [("3", 3), ("1,10", 5.5), ("9,1,2", 2), ("4,1,3,2", 2.5)])
def test_a_median_of_an_even_number_is_the_mean_of_the_middle_two(values: str, expected: float) -> None:
    rule = correlation("value_median", condition={"gte": "0"}, fields=("bytes",))
    assert numbers(rule, [hit("a@0", bytes=values)]) == [expected]


@pytest.mark.parametrize(
    ("written", "temporal", "ordered"),
    [
        ("a@0 b@5 c@10", "c@10", "c@10"),
        ("a@0 b@5 c@11", "", ""),
        ("c@0 b@5 a@10", "a@10", ""),
        ("a@4 b@4 c@4", "a@4 b@4 c@4", "a@4 b@4 c@4"),  # equal times count as ordered
        ("a@5 b@5 c@4", "a@5 b@5", ""),
        ("b@0 a@1 c@2 b@3 c@4", "c@2 b@3 c@4", "c@4"),  # a subsequence: a@1 b@3 c@4
        ("a@0 b@1 c@2 a@3", "c@2 a@3", "c@2 a@3"),  # the window of a@3 still holds the match
    ],
)
def test_temporal_correlations_need_every_rule(written: str, temporal: str, ordered: str) -> None:
    assert completed(correlation("temporal", "abc"), hits(written)) == temporal
    assert completed(correlation("temporal_ordered", "abc"), hits(written)) == ordered
    assert numbers(correlation("temporal", "abc"), hits("a@0 b@0 c@0")) == [None] * 3


def test_temporal_correlations_with_a_count_need_that_many_rules() -> None:
    written = hits("c@0 a@1 a@2 b@3")
    assert completed(correlation("temporal", "abc", {"gte": "2"}), written) == "a@1 a@2 b@3"
    assert numbers(correlation("temporal", "abc", {"gte": "2"}), written) == [2, 2, 3]
    assert completed(correlation("temporal_ordered", "abc", {"gte": "2"}), written) == "b@3"  # a@1 b@3
    assert completed(correlation("temporal_ordered", "abc", {"eq": "2"}), hits("a@0 c@1 b@2 c@3")) == "c@1 b@2"
    assert completed(correlation("temporal", "ab", {"eq": "0"}), hits("a@0 b@4 b@15")) == "b@4 b@15"  # an absence


@pytest.mark.parametrize(
    ("written", "end", "expected", "open_matches"),
    [
        ("a@20", 29, "", {("a@20", 20)}),
        ("a@20", 30, "a@20", set()),
        ("a@20 c@30", 30, "", set()),
        ("a@20 c@31", 40, "a@20", set()),
        ("a@20 c@10", 40, "", set()),
        ("a@20 c@9", 40, "a@20", set()),
        ("a@20 a@25 c@10", 40, "", set()),  # the match of a@25 begins at 20
        ("a@20 a@25 c@9", 40, "a@20 a@25", set()),
        ("a@20 a@25 c@31", 40, "a@20", set()),
        ("a@20 c@25", 26, "", set()),  # decided early
    ],
)
def test_not_looks_a_timespan_before_and_after_the_match(
    written: str, end: int, expected: str, open_matches: set[tuple[str, int]]
) -> None:
    rule = correlation("temporal", "ac", boolean=AllOf((A, NoneOf(C))))
    assert completed(rule, hits(written), end) == expected
    assert undecided(rule, hits(written), end) == open_matches


def test_a_boolean_condition_is_decided_as_soon_as_no_event_can_change_it() -> None:
    rule = correlation("temporal", "abc", boolean=AllOf((A, AnyOf((B, NoneOf(C))))))
    assert completed(rule, hits("a@0 c@1 b@2 c@3"), 3) == "b@2"  # hits of c complete nothing: it is not asked for
    assert completed(rule, hits("a@0"), 10) == "a@0"
    assert undecided(rule, hits("a@0 b@1"), 1) == {("a@0", 0)}
    twice = correlation("temporal", "ab", boolean=NoneOf(AnyOf((NoneOf(A), NoneOf(NoneOf(B))))))
    assert completed(twice, hits("a@0 a@30 b@31")) == "a@0"  # it reads `a and not b`
    double = correlation("temporal", "ab", boolean=AllOf((B, NoneOf(NoneOf(A)))))
    assert completed(double, hits("b@0 a@1")) == "a@1"  # it reads `b and a`: the trailing window counts


def test_the_rules_that_a_boolean_condition_asks_for_stand_in_order() -> None:
    rule = correlation("temporal_ordered", "abc", boolean=AllOf((A, AnyOf((B, C)))))
    assert completed(rule, hits("b@0 a@1")) == ""
    assert completed(rule, hits("b@0 a@1 c@2")) == "c@2"
    assert completed(rule, hits("a@0 b@10 c@11")) == "b@10"
    without = correlation("temporal_ordered", "abc", boolean=AllOf((A, B, NoneOf(C))))
    assert completed(without, hits("a@0 b@1 c@12 a@40 c@41 b@42")) == "b@1"


def test_events_are_grouped_by_text_without_case() -> None:
    rule = correlation("event_count", condition={"gte": "2"}, group_by=("user", "host"))
    events = [
        hit("a@0", user="Alice,bob", host="M"),
        hit("a@1", user="ALICE", host="m"),
        hit("a@2", user="alice", host=""),
        hit("a@3", user="alice"),
        hit("a@4", user="bob,Bob", host="m,n"),
    ]
    assert reference(rule, events, end=LATER).completed == {
        Completion(("alice", "m"), 1, ("a", "a@1"), Fraction(2)),
        Completion(("bob", "m"), 4, ("a", "a@4"), Fraction(2)),
    }


def test_aliases_hold_in_group_by_and_in_fields() -> None:
    aliases = {"who": {"a": "subject", "b": "target"}}
    rule = correlation("temporal", "abc", group_by=("who",), aliases=aliases)
    events = [hit("a@0", subject="x", target="y"), hit("b@1", subject="y", target="X"), hit("c@2", who="x")]
    assert {match.group for match in reference(rule, events, end=LATER).completed} == {("x",)}
    values = correlation("value_count", "ab", {"gte": "1"}, fields=("who",), aliases=aliases)
    assert numbers(values, events[:2]) == [1, 1]


def test_inner_hits_carry_their_group_and_the_fields_of_their_event() -> None:
    aliases = {"who": {"a": "subject"}}
    inner = correlation("event_count", "a", {"gte": "2"}, group_by=("who",), aliases=aliases)
    outer = replace(
        correlation("temporal", "cb", group_by=("subject", "host")), rule_id="outer", base_rules=("correlation", "b")
    )
    by_alias = replace(outer, rule_id="by alias", aliases={"subject": {"correlation": "who"}})
    events = [
        hit("a@0", subject="x,y", host="m"),
        hit("a@5", subject="X,Z", host="n"),
        hit("b@15", subject="x", host="N"),
        hit("b@15", subject="x", host="N"),
        hit("b@4", subject="z", host="n"),
    ]
    answers = reference_all([by_alias, outer, inner], events, end=LATER)
    assert answers["correlation"].completed == {Completion(("x",), 5, ("a", "a@5"), Fraction(2))}
    assert answers["outer"].completed == {Completion(("x", "n"), 15, ("b", "b@15"), None)}
    assert answers["by alias"].completed == answers["outer"].completed


def test_an_outer_correlation_counts_each_group_of_an_inner_one() -> None:
    inner = correlation("event_count", "a", {"gte": "2"}, group_by=("user",))
    outer = replace(correlation("event_count", "a", {"gte": "2"}), rule_id="outer", base_rules=("correlation",))
    answers = reference_all([outer, inner], [hit("a@0", user="x,y"), hit("a@1", user="x,y")], end=LATER)
    assert answers["outer"].completed == {
        Completion((), 1, ("correlation", inner_hit_id("correlation", (user,), ("a", "a@1"))), Fraction(2))
        for user in "xy"
    }


def test_an_outer_correlation_sees_inner_hits_once_they_are_decided() -> None:
    silent = correlation("event_count", "a", {"eq": "0"})
    alone = replace(correlation("temporal", "ac", boolean=AllOf((A, NoneOf(C)))), rule_id="alone")
    on_silence, on_alone = (
        replace(correlation("event_count", "a", {"gte": "1"}), rule_id=f"on {inner}", base_rules=(inner,))
        for inner in ("correlation", "alone")
    )
    rules = [on_silence, on_alone, silent, alone]
    early, late = (reference_all(rules, hits("a@0 a@15"), end=end) for end in (20, 25))
    assert [match.time for match in early["on correlation"].completed] == [10]  # at the time of the absence
    assert sorted(match.time for match in late["on correlation"].completed) == [10, 25]
    assert (early["on alone"].decided_until, late["on alone"].decided_until) == (10, 15)
    assert [sorted(match.time for match in answers["on alone"].completed) for answers in (early, late)] == [
        [0],
        [0, 15],
    ]


@pytest.mark.parametrize("seed", range(100))
def test_answers_do_not_depend_on_the_order_of_arrival_and_only_grow(seed: int) -> None:
    drawn = scenario(seed, longest_chain=3)
    final = reference_all(drawn.correlations, drawn.base_hits, end=drawn.end + LATER)
    delivered = [hit for delivery in drawn.deliveries for hit in delivery.base_hits]
    Random(seed).shuffle(delivered)  # noqa: S311 - reproducible inputs, no secrets
    for end in (delivery.until for delivery in drawn.deliveries):
        answers = reference_all(drawn.correlations, drawn.base_hits, end=end)
        assert reference_all(drawn.correlations, delivered, end=end) == answers
        for rule_id, (completed_so_far, undecided_so_far, decided_until) in answers.items():
            assert completed_so_far <= final[rule_id].completed
            assert all(match.time > decided_until for match in undecided_so_far)
            decided = {match for match in final[rule_id].completed if match.time <= decided_until}
            assert decided <= completed_so_far
