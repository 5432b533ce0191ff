"""An expression has a finding if it may leave an event undecided, and only then."""

from __future__ import annotations

import pytest
from lint_fixtures import CLEAN, findings_of, rules_of

from watcher.lint.adversarial_values import LENGTHS, adversarial_values
from watcher.lint.slow_patterns import WorstCase, is_searched, lint, slow_pattern_message, worst_case
from watcher.model import SigmaRegex, SigmaString, Wildcard

SLOW = r"(?=x)x(?:a|a)*(?<!q)(?:a|a)*b"


def message(pattern: str) -> str:
    return slow_pattern_message(SigmaRegex(pattern), worst_case(SigmaRegex(pattern), (100, 32_000)))


@pytest.mark.parametrize("pattern", [r"(?:.*\)){1,}.*\"", r"a.*b", r"(?:a+)+$", r"\bfoo\w+\s*=", r"x(?=y)"])
def test_an_expression_that_is_searched_in_linear_time_has_no_finding(pattern: str) -> None:
    assert message(pattern) == ""


def test_a_slow_expression_is_reported_with_the_length_of_a_value() -> None:
    assert f"`{SLOW}` takes more than 50 ms on a value of" in message(SLOW)


def test_an_expression_that_needs_backtracking_is_reported_even_if_no_tried_value_is_slow() -> None:
    assert message("(?<!a)b") == "`(?<!a)b` needs backtracking, so a long value may leave the event undecided"


def test_repetitions_inside_a_conditional_are_tried() -> None:
    assert "takes more than 50 ms" in message(r"(x)?(?(1)(?:a|a)*(?<!q)(?:a|a)*b|c)")


def test_a_pattern_that_takes_long_is_reported_although_it_is_decided() -> None:
    ticks = iter(range(100))
    worst = worst_case(SigmaRegex("a"), (100,), lambda: next(ticks))
    assert slow_pattern_message(SigmaRegex("a"), worst) == f"`a` takes 1000 ms on a value of {worst.length} characters"
    pattern = SigmaString((Wildcard.ANY, "a", Wildcard.ANY, "b"))
    assert (
        slow_pattern_message(pattern, WorstCase(seconds=0.2, length=9))
        == "`*a*b` takes 200 ms on a value of 9 characters"
    )


def test_beyond_the_budget_nothing_is_measured_and_backtracking_is_reported_all_the_same() -> None:
    text = CLEAN.replace("CommandLine|contains: 'encoded'", f"CommandLine|re: '{SLOW}'")
    slow, unmeasured = lint(rules_of(text), budget=0)
    assert "needs backtracking" in slow.message
    assert unmeasured.code == "unmeasured-patterns"
    assert unmeasured.message == "1 of 1 patterns were not measured: the 0 s for all are over"


def test_strings_of_short_chunks_need_no_measurement() -> None:
    text = CLEAN.replace("CommandLine|contains: 'encoded'", "CommandLine|contains: 'a*b?c*d'")
    assert list(lint(rules_of(text), budget=0)) == []
    text = CLEAN.replace("CommandLine|contains: 'encoded'", f"CommandLine|contains: 'a*{'b' * 200}?c*d'")
    assert [finding.code for finding in lint(rules_of(text), budget=0)] == ["unmeasured-patterns"]


def test_values_contain_each_repetition_behind_what_precedes_it() -> None:
    values = tuple(adversarial_values(SigmaRegex(r"ab(?:c\d)+x"), (100,)))
    assert any(value.startswith("ab" + "c0" * 40) for value in values)


@pytest.mark.parametrize(
    "pattern",
    [
        SigmaRegex(r"(?:(?:a+b)+c|d*)\w{3,}"),
        SigmaString(("a", Wildcard.ANY, "bc", Wildcard.ONE, "d", Wildcard.ANY, Wildcard.DASH, "e")),
    ],
)
def test_values_have_the_length_and_depend_on_the_seed_alone(pattern: SigmaRegex | SigmaString) -> None:
    assert is_searched(pattern)
    for length in LENGTHS:
        values = tuple(adversarial_values(pattern, (length,), seed=3))
        assert values == tuple(adversarial_values(pattern, (length,), seed=3))
        assert values != tuple(adversarial_values(pattern, (length,), seed=4))
        assert all(length / 2 < len(value) <= length for value in values)


def test_the_finding_has_the_line_of_the_expression() -> None:
    text = CLEAN.replace("CommandLine|contains: 'encoded'", f"CommandLine|re: '{SLOW}'")
    (finding,) = [finding for finding in findings_of(text) if finding.code == "slow-pattern"]
    assert finding.location.line == 1 + text[: text.index("CommandLine|re")].count("\n")
