"""Patterns that an engine would refuse become weaker, and never lose a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.match.wildcards import wildcard_matcher
from watcher.model import SigmaString, Wildcard
from watcher.translate.pattern_limits import accepted_string
from watcher.translate.wildcard_patterns import searched_string, wildcard_pattern


def pattern(text: str) -> SigmaString:
    wildcards = {"*": Wildcard.ANY, "?": Wildcard.ONE, "-": Wildcard.DASH}
    parts: list[str | Wildcard] = []
    for character in text:
        part = wildcards.get(character, character)
        if isinstance(part, str) and parts and not isinstance(parts[-1], Wildcard):
            parts[-1] += part
        else:
            parts.append(part)
    return SigmaString(tuple(parts))


@pytest.mark.parametrize(
    "text",
    [
        "*abc*",
        "a" + "?" * 500,
        "*???a*",
        "*a?b?c*",
        "*" + "?" * 100 + "a",
        "*x????????y*",
        "*" + "".join(f"<{number}>" for number in range(200)) + "*",
    ],
)
def test_what_the_engines_accept_is_unchanged(text: str) -> None:
    assert accepted_string(pattern(text)) == pattern(text)


@pytest.mark.parametrize(
    ("text", "weaker"),
    [
        ("*a????????????????b*", "*a*b*"),
        ("a????????????????*b????????????????", "a????????????????*b*"),  # before the first `*` each is one state
        ("*a?b????????????????c*", "*a?b*c*"),  # the longest run alone
        ("*" + "?" * 2000, "*"),
        ("*" + "A" * 480 + "*", "*" + "A" * 100 + "*"),
        ("*" + ("A" * 90 + "*") * 20, "*"),
        ("*смена пароля администратора*", "*????? ?????? *"),
    ],
)
def test_runs_that_the_engines_refuse_are_weakened(text: str, weaker: str) -> None:
    assert wildcard_pattern(searched_string(pattern(text))) == weaker


@given(text=st.text(alphabet="ab?*-", max_size=60), value=st.text(alphabet="ab-", max_size=70))
def test_no_value_is_lost(text: str, value: str) -> None:
    if wildcard_matcher(pattern(text).parts)(value):
        assert wildcard_matcher(searched_string(pattern(text)).parts)(value)


@given(number=st.integers(0, 60), value=st.text(alphabet="ab", min_size=1, max_size=70))
def test_no_value_is_lost_by_a_long_run(number: int, value: str) -> None:
    text = "*a" + "?" * number + "b*"
    if wildcard_matcher(pattern(text).parts)(value):
        assert wildcard_matcher(accepted_string(pattern(text)).parts)(value)
