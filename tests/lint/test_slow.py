"""An expression is named where events may stay undecided, and only there."""

from __future__ import annotations

import pytest
from lint_fixtures import CLEAN, findings_of

from watcher.lint.slow_patterns import LONGEST, said, slow_text, texts
from watcher.match.bounded_regex import BoundedSearch
from watcher.model import SigmaRegex

SLOW = r"(?=x)x(?:a|a)*(?<!q)(?:a|a)*b"


@pytest.mark.parametrize("pattern", [r"(?:.*\)){1,}.*\"", r"a.*b", r"(?:a+)+$", r"\bfoo\w+\s*=", r"x(?=y)"])
def test_nothing_is_said_of_an_expression_that_is_searched_in_linear_time(pattern: str) -> None:
    assert said(SigmaRegex(pattern)) == ""


def test_an_expression_that_a_text_keeps_busy_is_named_with_the_length_of_the_text() -> None:
    assert f"`{SLOW}` takes more than 50 ms on a value of" in said(SigmaRegex(SLOW))
    assert slow_text(BoundedSearch(SigmaRegex(SLOW)))


def test_an_expression_that_needs_backtracking_is_named_where_no_text_is_slow() -> None:
    assert said(SigmaRegex("(?<!a)b")) == "`(?<!a)b` needs backtracking, so a long value may leave the event undecided"


def test_texts_repeat_each_repetition_behind_what_precedes_it() -> None:
    assert next(texts(SigmaRegex(r"ab(?:c\d)+x"))).startswith("ab" + "c0" * 40)
    assert all(len(text) <= LONGEST + 1 for text in texts(SigmaRegex(r"(?:(?:a+b)+c|d*)\w{3,}")))


def test_a_rule_is_named_at_its_line() -> None:
    text = CLEAN.replace("CommandLine|contains: 'encoded'", f"CommandLine|re: '{SLOW}'")
    (finding,) = [finding for finding in findings_of(text) if finding.code == "slow-pattern"]
    assert finding.location.line == 1 + text[: text.index("CommandLine|re")].count("\n")
