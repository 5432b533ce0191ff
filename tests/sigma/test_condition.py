"""Condition lines: precedence of `not`, `and`, `or`; words in any case; faults with a fix."""

from __future__ import annotations

import pytest

from watcher.model import And, ConditionNode, DetectionItem, Not, Or
from watcher.sigma.condition import (
    ConditionError,
    names_in_other_case,
    parse_condition,
    split_aggregation,
    unquantified_patterns,
)

NAMES = ("a", "b", "c", "filter_main_x", "filter_main_y", "filter_opt", "_hidden", "_other", "note-pad", "not_a", "1st")
SELECTIONS: dict[str, ConditionNode] = {name: DetectionItem(field=name, values=()) for name in NAMES}
A, B, C = (SELECTIONS[name] for name in "abc")
MAIN = (SELECTIONS["filter_main_x"], SELECTIONS["filter_main_y"])
SHOWN = tuple(node for name, node in SELECTIONS.items() if not name.startswith("_"))
HIDDEN = tuple(node for name, node in SELECTIONS.items() if name.startswith("_"))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # names
        ("a", A),
        ("note-pad", SELECTIONS["note-pad"]),  # a dash is part of a name
        ("not_a", SELECTIONS["not_a"]),  # and so is `not`
        ("1st", SELECTIONS["1st"]),  # a digit at the start
        ("_hidden", SELECTIONS["_hidden"]),
        # precedence
        ("a and b or c", Or((And((A, B)), C))),
        ("a or b and c", Or((A, And((B, C))))),
        ("not a and b", And((Not(A), B))),
        ("not a or not b", Or((Not(A), Not(B)))),
        ("a and b and c", And((A, B, C))),
        ("a or b or c", Or((A, B, C))),
        # brackets
        ("(a or b) and c", And((Or((A, B)), C))),
        ("not (a or b)", Not(Or((A, B)))),
        ("((a))", A),
        ("(a)and(b)", And((A, B))),
        ("not not a", Not(Not(A))),
        # words in any case
        ("a AND NOT b", And((A, Not(B)))),
        ("a Or b", Or((A, B))),
        ("ALL OF filter_main_*", And(MAIN)),
        ("1 Of filter_main_*", Or(MAIN)),
        ("all of THEM", And(SHOWN)),
        # quantifiers
        ("1 of filter_main_*", Or(MAIN)),
        ("any of filter_main_*", Or(MAIN)),
        ("all of filter_main_*", And(MAIN)),
        ("1 of filter_o*", SELECTIONS["filter_opt"]),  # a single branch is not wrapped
        ("all of filter_main_?", And(MAIN)),
        ("1 of a", A),  # a name is a pattern too
        ("1 of *_x", MAIN[0]),
        ("a and not 1 of filter_main_*", And((A, Not(Or(MAIN))))),
        # names with an underscore before them are left out unless the pattern has one
        ("1 of them", Or(SHOWN)),
        ("1 of *", Or(SHOWN)),
        ("all of _*", And(HIDDEN)),
        # a pattern without a quantifier
        ("a and filter_main_*", And((A, Or(MAIN)))),
        # names in another case, where one is used
        ("Filter_Main_X or A", Or((MAIN[0], A))),
        # white space
        ("  a\n  and\tb ", And((A, B))),
    ],
)
def test_a_condition_means_what_sigma_says(condition: str, expected: ConditionNode) -> None:
    assert parse_condition(condition, SELECTIONS) == expected


THERE = ", ".join(f"`{name}`" for name in NAMES)


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("", "the condition is empty"),
        ("  ", "the condition is empty"),
        ("a b", "`b` follows the end of the condition"),
        ("a)", "`)` follows the end of the condition"),
        ("(a", "the condition ends where `)` is expected"),
        ("(a b", "a parenthesis is not closed"),
        ("a and", "the condition ends where a selection's name is expected"),
        ("not", "the condition ends where a selection's name is expected"),
        ("and a", "`and` appears where a selection's name is expected"),
        ("a and or b", "`or` appears where a selection's name is expected"),
        ("()", "`)` appears where a selection's name is expected"),
        ("1 of", "the condition ends where a name pattern or `them` is expected"),
        ("1 of nothing*", "`nothing*` matches no selection, so that the condition matches no event"),
        ("all of _x*", "`_x*` matches no selection, so that the condition matches no event"),
        ("not 1 of nothing*", "`nothing*` matches no selection, so that the condition matches every event"),
        ("2 of filter_*", "`2 of` is not a quantifier; write `1 of`, `any of` or `all of`"),
        ("them", "`them` appears where a selection's name is expected"),
        ("a & b", "`&` is not allowed in a condition"),
        (
            "filter_mian_x",
            f"`filter_mian_x` is not defined in `detection` (defined: {THERE}); did you mean `filter_main_x`",
        ),
        ("zzz", f"`zzz` is not defined in `detection` (defined: {THERE})"),
    ],
)
def test_an_invalid_condition_is_rejected_with_a_reason(condition: str, sentence: str) -> None:
    with pytest.raises(ConditionError) as raised:
        parse_condition(condition, SELECTIONS)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("condition", "parted"),
    [
        ("a", ("a", None)),
        ("a | count() by b > 10", ("a", "count() by b > 10")),
        ("a|count()>1", ("a", "count()>1")),
        ("a > 5", ("a", "> 5")),  # written so by people, too
        ("a | near b and c", ("a", "near b and c")),
        ("a near b", ("a", "near b")),
        ("nearby and b", ("nearby and b", None)),  # a name that begins so
    ],
)
def test_an_aggregation_is_split_from_the_condition(condition: str, parted: tuple[str, str | None]) -> None:
    assert split_aggregation(condition) == parted


def test_patterns_without_a_quantifier_are_reported() -> None:
    assert unquantified_patterns("a and filter_* and 1 of sel* and not x?") == ("filter_*", "x?")


def test_a_name_in_another_case_is_accepted_only_if_unambiguous() -> None:
    selections: dict[str, ConditionNode] = {"selection": A, "One": B, "one": C, "NOT": A}
    assert names_in_other_case("Selection and not ONE and selection", selections) == (("Selection", "selection"),)
    with pytest.raises(ConditionError, match="`ONE` is not defined"):
        parse_condition("ONE", selections)
