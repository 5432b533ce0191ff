"""An expression has a finding if it may leave an event undecided, and only then."""

from __future__ import annotations

import pytest
from lint_fixtures import CLEAN, findings_of

from watcher.lint.slow_patterns import LONGEST, candidate_values, slow_pattern_message, slow_value
from watcher.match.bounded_regex import BoundedSearch
from watcher.model import SigmaRegex

SLOW = r"(?=x)x(?:a|a)*(?<!q)(?:a|a)*b"


@pytest.mark.parametrize("pattern", [r"(?:.*\)){1,}.*\"", r"a.*b", r"(?:a+)+$", r"\bfoo\w+\s*=", r"x(?=y)"])
def test_an_expression_that_is_searched_in_linear_time_has_no_finding(pattern: str) -> None:
    assert slow_pattern_message(SigmaRegex(pattern)) == ""


def test_a_slow_expression_is_reported_with_the_length_of_a_value() -> None:
    assert f"`{SLOW}` takes more than 50 ms on a value of" in slow_pattern_message(SigmaRegex(SLOW))
    assert slow_value(BoundedSearch(SigmaRegex(SLOW)))


def test_an_expression_that_needs_backtracking_is_reported_even_if_no_tried_value_is_slow() -> None:
    assert (
        slow_pattern_message(SigmaRegex("(?<!a)b"))
        == "`(?<!a)b` needs backtracking, so a long value may leave the event undecided"
    )


def test_repetitions_inside_a_conditional_are_tried() -> None:
    regex = SigmaRegex(r"(x)?(?(1)(?:a|a)*(?<!q)(?:a|a)*b|c)")
    assert "takes more than 50 ms" in slow_pattern_message(regex)


def test_values_contain_each_repetition_behind_what_precedes_it() -> None:
    assert next(candidate_values(SigmaRegex(r"ab(?:c\d)+x"))).startswith("ab" + "c0" * 40)
    assert all(len(value) <= LONGEST + 1 for value in candidate_values(SigmaRegex(r"(?:(?:a+b)+c|d*)\w{3,}")))


def test_the_finding_has_the_line_of_the_expression() -> None:
    text = CLEAN.replace("CommandLine|contains: 'encoded'", f"CommandLine|re: '{SLOW}'")
    (finding,) = [finding for finding in findings_of(text) if finding.code == "slow-pattern"]
    assert finding.location.line == 1 + text[: text.index("CommandLine|re")].count("\n")
