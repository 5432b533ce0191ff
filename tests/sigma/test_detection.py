"""Selections: all entries of a mapping, any of a list, and all values of duplicate keys."""

from __future__ import annotations

import pytest
from rule_fixtures import HEAD, detection, fault, findings_of, rule

from watcher.model import And, ConditionNode, DetectionItem, Not, Or, SigmaNull, SigmaNumber, SigmaString, Wildcard

ANY = Wildcard.ANY


def plain(node: ConditionNode) -> object:
    """Return a tree without locations and source values."""
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
        ("- F: a\n- G: b", ("any", ("F", "some", A), ("G", "some", B))),  # a list of mappings
        ("- F: a\n  G: b\n- H: a", ("any", ("all", ("F", "some", A), ("G", "some", B)), ("H", "some", A))),
        ("- a\n- b", (None, "some", A, B)),  # keywords
        ("a", (None, "some", A)),  # one keyword
        ("'|all': [a, b]", (None, "every", A, B)),  # keywords that must all be there
        ("- F: a\n- b", ("any", ("F", "some", A), (None, "some", B))),  # a mapping and a keyword
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
def test_a_selection_becomes_the_tree_of_its_yaml_form(body: str, expected: object) -> None:
    parsed = detection(body)
    assert plain(parsed.node) == expected
    assert findings_of(parsed) == []


def test_both_values_of_a_duplicate_key_must_match_and_are_reported() -> None:
    parsed = detection("F|contains: [a, b]\nF|contains: a")
    assert plain(parsed.node) == (
        "all",
        ("F", "some", SigmaString((ANY, "a", ANY)), SigmaString((ANY, "b", ANY))),
        ("F", "some", SigmaString((ANY, "a", ANY))),
    )
    assert findings_of(parsed) == [
        (
            "rule.yml:9:5: warning: `F|contains` appears twice in `selection` (lines 8 and 9); all must match; "
            "if intended, write one key with `all`, else one list [duplicate-key]"
        )
    ]


def test_both_selections_of_a_duplicate_name_must_match() -> None:
    parsed = detection("F: a\n", "selection")
    twice = parsed.text.replace("  condition", "  selection:\n    G: b\n  condition")

    read = rule(twice)
    assert plain(read.node) == ("all", ("F", "some", A), ("G", "some", B))
    assert [finding.code for finding in read.findings] == ["duplicate-key"]


def test_values_of_several_forms_under_all_are_any_within_all() -> None:
    parsed = detection("F|base64offset|contains|all: [foobar, barfoo]")
    assert isinstance(parsed.node, And)
    assert [len(branch.values) for branch in parsed.node.of if isinstance(branch, DetectionItem)] == [3, 3]


def test_an_empty_list_is_read_as_null_and_reported() -> None:
    parsed = detection("F: []\nG: a")
    assert plain(parsed.node) == ("all", ("F", "some", SigmaNull()), ("G", "some", A))
    assert findings_of(parsed) == [
        (
            "rule.yml:8:5: warning: `F` has an empty list, which is read as `null`: the field is absent or empty; "
            "add values, or write `null` [empty-list]"
        )
    ]


def test_an_empty_keyword_is_dropped_and_reported() -> None:
    parsed = detection("- a\n- ''\n-")
    assert plain(parsed.node) == (None, "some", A)
    assert findings_of(parsed) == [
        f"rule.yml:{line}: warning: the keywords of `selection` contain an empty keyword; remove it [empty-keyword]"
        for line in ("9:7", "10:6")
    ]


@pytest.mark.parametrize(
    ("written", "number"),
    [("0x10", "16"), ("010", "8"), ("1_000", "1000"), ("10:30", "630")],
)
def test_a_number_that_yaml_converts_is_reported(written: str, number: str) -> None:
    parsed = detection(f"F: {written}")
    assert plain(parsed.node) == ("F", "some", SigmaNumber(int(number)))
    assert findings_of(parsed) == [
        (
            f"rule.yml:8:8: warning: YAML reads `{written}` of `F` as the number {number}; "
            f"write `'{written}'` to match that string [yaml-number]"
        )
    ]


def test_a_quoted_number_is_a_string() -> None:
    assert plain(detection("F: '0x10'").node) == ("F", "some", SigmaString(("0x10",)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "F:\n  G: a",
            (
                "rule.yml:9:7: error: `F` contains a mapping; expected a value; write a value or a list of values "
                "[wrong-value]"
            ),
        ),
        (
            "F:\n  - [a]",
            (
                "rule.yml:9:9: error: `F` contains a list; expected a value; write a value or a list of values "
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
                "rule.yml:8:5: error: the keywords of `selection` are empty; the rule is not run; "
                "the others are [empty-selection]"
            ),
        ),
        (
            "'|exists': true",
            (
                "rule.yml:8:16: error: `|exists`: this modifier needs a field; the rule is not run; "
                "the others are [modifier]"
            ),
        ),
        (
            "'|fieldref': G",
            (
                "rule.yml:8:18: error: `|fieldref`: this modifier needs a field; the rule is not run; "
                "the others are [modifier]"
            ),
        ),
    ],
)
def test_an_invalid_selection_is_rejected_with_location_and_fix(body: str, expected: str) -> None:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    assert fault(f"{HEAD}detection:\n  selection:\n{lines}\n  condition: selection\n") == expected


def test_an_unknown_modifier_of_an_empty_list_is_reported() -> None:
    text = f"{HEAD}detection:\n  selection:\n    F|foo: []\n  condition: selection\n"
    assert "rule.yml:8:5: error: `F|foo`: unknown modifier `foo`; the modifiers are all, base64," in fault(text)
