"""A selection: a map means every entry, a list any, and a key that stands twice counts twice."""

from __future__ import annotations

import pytest
from rule_fixtures import HEAD, detection, fault, rule, said

from watcher.model import And, ConditionNode, DetectionItem, Not, Or, SigmaNull, SigmaNumber, SigmaString, Wildcard

ANY = Wildcard.ANY


def plain(node: ConditionNode) -> object:
    """Give a tree without places and written values."""
    match node:
        case And(of=branches):
            return ("all", *map(plain, branches))
        case Or(of=branches):
            return ("any", *map(plain, branches))
        case Not(of=branch):
            return ("not", plain(branch))
        case DetectionItem(field=name, values=tests, match_all=every):
            return (name, "every" if every else "some", *tests)


A, B = SigmaString(("a",)), SigmaString(("b",))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("F: a", ("F", "some", A)),
        ("F: [a, b]", ("F", "some", A, B)),
        ("F: a\nG: b", ("all", ("F", "some", A), ("G", "some", B))),
        ("- F: a\n- G: b", ("any", ("F", "some", A), ("G", "some", B))),  # a list of maps
        ("- F: a\n  G: b\n- H: a", ("any", ("all", ("F", "some", A), ("G", "some", B)), ("H", "some", A))),
        ("- a\n- b", (None, "some", A, B)),  # keywords
        ("a", (None, "some", A)),  # one keyword
        ("'|all': [a, b]", (None, "every", A, B)),  # keywords that must all be there
        ("- F: a\n- b", ("any", ("F", "some", A), (None, "some", B))),  # a map beside a keyword
        ("- [a, b]\n- F: a", ("any", (None, "some", A, B), ("F", "some", A))),  # a list in a list
        ("F|all: [a, b]", ("F", "every", A, B)),
        ("F|neq: a", ("not", ("F", "some", A))),
        ("F|neq|all: [a, b]", ("not", ("F", "every", A, B))),
        ("4688: a", ("4688", "some", A)),  # a field that looks like a number
        ("F: [a, 5, null]", ("F", "some", A, SigmaNumber(5), SigmaNull())),  # values of any kind
        ("F |contains : a", ("F", "some", SigmaString((ANY, "a", ANY)))),  # white space around names
        ("F|CONTAINS: a", ("F", "some", SigmaString((ANY, "a", ANY)))),  # modifiers in any case
        ("Some Name: a", ("Some Name", "some", A)),  # a field with a space
    ],
)
def test_a_selection_is_read_as_its_form_says(body: str, expected: object) -> None:
    found = detection(body)
    assert plain(found.node) == expected
    assert said(found) == []


def test_a_key_that_stands_twice_must_hold_twice_and_is_told() -> None:
    found = detection("F|contains: [a, b]\nF|contains: a")
    assert plain(found.node) == (
        "all",
        ("F", "some", SigmaString((ANY, "a", ANY)), SigmaString((ANY, "b", ANY))),
        ("F", "some", SigmaString((ANY, "a", ANY))),
    )
    assert said(found) == [
        (
            "rule.yml:9:5: warning: `F|contains` stands 2 times in `selection` (lines 8, 9); every "
            "one of them must hold; "
            "where that is meant write it as one key with `all`, else as one list [duplicate-key]"
        )
    ]


def test_a_selection_that_stands_twice_must_hold_twice() -> None:
    found = detection("F: a\n", "selection")
    twice = found.text.replace("  condition", "  selection:\n    G: b\n  condition")

    read = rule(twice)
    assert plain(read.node) == ("all", ("F", "some", A), ("G", "some", B))
    assert [finding.code for finding in read.findings] == ["duplicate-key"]


def test_values_of_several_forms_under_all_keep_any_within_every() -> None:
    found = detection("F|base64offset|contains|all: [foobar, barfoo]")
    assert isinstance(found.node, And)
    assert [len(branch.values) for branch in found.node.of if isinstance(branch, DetectionItem)] == [3, 3]


def test_an_empty_list_is_read_as_null_and_told() -> None:
    found = detection("F: []\nG: a")
    assert plain(found.node) == ("all", ("F", "some", SigmaNull()), ("G", "some", A))
    assert said(found) == [
        (
            "rule.yml:8:5: warning: `F` has an empty list, which is read as `null`: the field is absent or empty; "
            "add values or write `null` [empty-list]"
        )
    ]


def test_an_empty_keyword_is_left_out_and_told() -> None:
    found = detection("- a\n- ''\n-")
    assert plain(found.node) == (None, "some", A)
    assert said(found) == [
        f"rule.yml:{line}: warning: the keywords of `selection` hold an empty one, which says nothing; remove it "
        "[empty-keyword]"
        for line in ("9:7", "10:6")
    ]


@pytest.mark.parametrize(
    ("written", "number"),
    [("0x10", "16"), ("010", "8"), ("1_000", "1000"), ("10:30", "630")],
)
def test_a_number_that_yaml_reads_otherwise_than_it_looks_is_told(written: str, number: str) -> None:
    found = detection(f"F: {written}")
    assert plain(found.node) == ("F", "some", SigmaNumber(int(number)))
    assert said(found) == [
        (
            f"rule.yml:8:8: warning: YAML reads `{written}` of `F` as the number {number}; "
            f"write `'{written}'` where the event holds that text [yaml-number]"
        )
    ]


def test_a_number_in_quotes_is_text() -> None:
    assert plain(detection("F: '0x10'").node) == ("F", "some", SigmaString(("0x10",)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "F:\n  G: a",
            (
                "rule.yml:9:7: error: `F` holds a map where a value is wanted; write a value or a list of values "
                "[wrong-value]"
            ),
        ),
        (
            "F:\n  - [a]",
            (
                "rule.yml:9:9: error: `F` holds a list where a value is wanted; write a value or a list of values "
                "[wrong-value]"
            ),
        ),
        (
            "F|lt: a",
            "rule.yml:8:11: error: `F|lt`: `lt` needs a number; the rule is not run; the others are [modifier]",
        ),
        (
            "- a*\n- {}",
            (
                "rule.yml:9:7: error: the selection `selection` is empty; the rule is not run; the others are "
                "[empty-selection]"
            ),
        ),
        (
            "''",
            (
                "rule.yml:8:5: error: the keywords of `selection` hold nothing to look for; the rule is not run; "
                "the others are [empty-selection]"
            ),
        ),
        (
            "'|exists': true",
            (
                "rule.yml:8:16: error: `|exists`: this asks for a field, and there is none; the rule is not run; "
                "the others are [modifier]"
            ),
        ),
        (
            "'|fieldref': G",
            (
                "rule.yml:8:18: error: `|fieldref`: this asks for a field, and there is none; the rule is not run; "
                "the others are [modifier]"
            ),
        ),
    ],
)
def test_a_selection_without_meaning_names_place_and_next_step(body: str, expected: str) -> None:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    assert fault(f"{HEAD}detection:\n  selection:\n{lines}\n  condition: selection\n") == expected


def test_an_unknown_modifier_is_told_even_where_the_list_is_empty() -> None:
    text = f"{HEAD}detection:\n  selection:\n    F|foo: []\n  condition: selection\n"
    assert "rule.yml:8:5: error: `F|foo`: unknown modifier `foo`; the modifiers are all, base64," in fault(text)
