"""Query cost: patterns that are compared with all values, or queries that return all events."""

from __future__ import annotations

import pytest
from lint_fixtures import COMMAND_LINE, planned_on

from watcher.lint.query_cost import CostGrade, lint


@pytest.mark.parametrize(
    ("selection", "kind", "grade", "walks"),
    [
        ("CommandLine: abc", "keyword", CostGrade.LOW, 0),
        ("CommandLine|startswith: abc", "keyword", CostGrade.LOW, 0),
        ("CommandLine|contains: abc", "keyword", CostGrade.MEDIUM, 1),
        ("CommandLine|endswith: [abc, def]", "keyword", CostGrade.MEDIUM, 2),
        ("CommandLine|contains: abc", "wildcard", CostGrade.LOW, 0),
        (f"CommandLine|contains: [{', '.join(f'a{number}b' for number in range(25))}]", "keyword", CostGrade.HIGH, 25),
    ],
)
def test_the_grade_depends_on_patterns_that_are_compared_with_all_values(
    selection: str, kind: str, grade: CostGrade, walks: int
) -> None:
    _, cost = planned_on(selection, {COMMAND_LINE: kind})
    assert (cost.grade, cost.scans, cost.broad) == (grade, walks, False)
    if walks:
        assert cost.paths == (COMMAND_LINE,)


def test_a_query_that_only_the_log_source_narrows_is_expensive() -> None:
    plan, cost = planned_on("CommandLine|re: '^[a-z]*$'", {COMMAND_LINE: "text"})
    (findings,) = lint(plan, cost)
    assert cost.broad
    assert findings.code == "query-cost"
    assert findings.message.startswith("the query's cost is high: every event of the log source that has the fields is")


def test_a_cheap_query_has_no_finding() -> None:
    plan, cost = planned_on("CommandLine|contains: abc", {COMMAND_LINE: "keyword"})
    assert list(lint(plan, cost)) == []
    assert str(cost) == f"medium: 1 pattern is compared with every value of `{COMMAND_LINE}`"
