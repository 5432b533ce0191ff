"""An exception that somebody typed is read back as it was meant."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_fixtures import HEAD, ID, TAIL, contents

from watcher.errors import InputError
from watcher.model import DetectionItem, Rule, SigmaNull, SigmaNumber, SigmaString, Wildcard, detection_items
from watcher.sigma.exception_text import ExceptionDetails, ExceptionItem, exception_text, parse_item
from watcher.sigma.filters import SigmaFilter

DETAILS = ExceptionDetails(id="9d0c", day=date(2026, 11, 28), author="ada", reason="it's: # known")
RULE = contents(HEAD + TAIL).rules[0]


def written(*conditions: str, rule: Rule = RULE) -> SigmaFilter:
    """Write an exception, and read it as a rules folder does, without a finding."""
    text = exception_text(rule, [parse_item(condition) for condition in conditions], DETAILS)
    read = contents(text)
    assert [str(finding) for finding in read.findings] == []
    (sigma_filter,) = read.filters
    assert sigma_filter.findings == ()
    return sigma_filter


def items(*conditions: str) -> list[DetectionItem]:
    return list(detection_items(written(*conditions).node))


def test_a_backslash_is_a_backslash_however_the_shell_left_it() -> None:
    for typed in (r"Image|endswith: \agent.exe", r"Image|endswith:\\agent.exe", r" Image|endswith :  \agent.exe "):
        (item,) = items(typed)
        assert (item.field, item.values) == ("Image", (SigmaString((Wildcard.ANY, r"\agent.exe")),)), typed


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("EventID: 4624", SigmaNumber(4624)),
        ("EventID: 007", SigmaString(("007",))),
        ("User: null", SigmaNull()),
        ("User: ''", SigmaNull()),  # what is empty is absent, as in a rule
        ("User: it's", SigmaString(("it's",))),
        ('CommandLine: "C:\\a b.exe" # -x: 1', SigmaString(('"C:\\a b.exe" # -x: 1',))),
        ("User: {a: b}", SigmaString(("{a: b}",))),
        ("User: yes", SigmaString(("yes",))),
        ("User: 2026-11-28", SigmaString(("2026-11-28",))),
        ("Image: C:\\*\\x.exe", SigmaString(("C:*\\x.exe",))),  # Sigma's escape of a wildcard, as in a rule
    ],
)
def test_a_value_is_one_of_a_rule_and_nothing_of_yaml(typed: str, value: object) -> None:
    (item,) = items(typed)
    assert item.values == (value,)


def test_several_conditions_hold_together_also_of_one_field() -> None:
    sigma_filter = written("User: a", "Image|contains: b", "Image|contains: c", "User: a")
    assert [(item.field, item.modifiers) for item in detection_items(sigma_filter.node)] == [
        ("User", ()),
        ("Image", ("contains",)),
        ("Image", ("contains",)),
    ]
    assert "condition: not all of selection_*" in sigma_filter.text
    assert sigma_filter.rules == (ID,)
    assert sigma_filter.covers(RULE)
    assert sigma_filter.title == "Exception of A title"


@pytest.mark.parametrize("typed", ["", "Image", ": x", "|endswith: x", "Image:", "Image:   "])
def test_what_is_no_condition_is_refused(typed: str) -> None:
    with pytest.raises(InputError):
        parse_item(typed)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\u202e", "\u200b", "\ud800"])
def test_invisible_characters_are_refused(character: str) -> None:
    with pytest.raises(InputError, match="invisible"):
        exception_text(RULE, [ExceptionItem("Image", f"a{character}b")], DETAILS)


@given(
    value=st.text(st.characters(codec="utf-8"), min_size=1)
    .map(str.strip)
    .filter(lambda text: text != "" and text.isprintable())
)
def test_any_visible_value_is_read_as_it_was_typed(value: str) -> None:
    (item,) = items(f"Image: {value}")
    (source,) = item.source_values
    assert str(source) in (value, "" if value in ("''", '""') else value) or value in ("null", "true", "false")
