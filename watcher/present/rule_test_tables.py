"""The results of rule tests as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from watcher.counted_nouns import counted
from watcher.match.descriptions import describe_value
from watcher.present.correlation_case_tables import case_failure, case_json
from watcher.present.explanations import explanation_json, render_explanation
from watcher.present.rule_json import rule_json
from watcher.printable import printable_text
from watcher.ruletests.results import RuleTestCoverage, RuleTestResult, SelectionTally
from watcher.usecases.rule_testing import RuleTestReport

_KEYWORDS = "keywords"


def failure_lines(report: RuleTestReport) -> Iterator[RenderableType]:
    """Yield what cannot be read, and each failed test with its explanation."""
    for fault in report.faults:
        yield Text(printable_text(fault), style="bold red")
    for result in report.failed:
        yield Text.assemble(
            ("FAILED ", "bold red"),
            (printable_text(result.test.location), "cyan"),
            f" {printable_text(result.test.name)}",
        )
        yield Text(result.reason)
        yield render_explanation(result.explanation)
    for case in report.failed_cases:
        yield from case_failure(case)


def coverage_lines(coverage: Sequence[RuleTestCoverage]) -> Iterator[Text]:
    """Yield the rules with values that no test matches, and these values."""
    for rule in coverage:
        untested = tuple(_untested(rule))
        if untested:
            title = printable_text(rule.rule.title)
            yield Text.assemble((printable_text(rule.rule.location), "cyan"), f" {title}")
        for selection, sentence in untested:
            yield Text.assemble(f"  {printable_text(selection)}: ", (printable_text(sentence), "yellow"))


def _untested(coverage: RuleTestCoverage) -> Iterator[tuple[str, str]]:
    """Yield the name of a selection, and what no test tries of it."""
    for tally in coverage.tallies:
        if tally.uncovered:
            yield tally.selection, f"{_name(tally)}: no event of a test matches {_values(tally)}"
    for tally in coverage.undecided:
        yield tally.selection, f"{_name(tally)} holds in every event, so no test shows that it matters"


def _name(tally: SelectionTally) -> str:
    return tally.item.field or _KEYWORDS


def _values(tally: SelectionTally) -> str:
    values = ", ".join(describe_value(value, keyword=tally.item.field is None) for value in tally.uncovered)
    several = len(tally.matched) > 1
    count = f"{len(tally.uncovered)} of {_counted(len(tally.matched), 'value')}" if several else "the value"
    return f"{count}: {values}"


def cases_of_cluster_run(report: RuleTestReport) -> Iterator[Text]:
    """Yield why cases of correlation rules are run in memory although other tests are run on a cluster."""
    if report.cases:
        yield Text(
            f"{counted(len(report.cases), 'case')} of correlation rules ran in memory: "
            "watcher itself counts what correlations count, and no query does; "
            "tests of their base rules run on the cluster"
        )


def tests_summary(report: RuleTestReport) -> Text:
    """Return one line on rules, tests and tested values."""
    failed, faults = len(report.failed) + len(report.failed_cases), len(report.faults)
    tests = len(report.results) + len(report.cases)
    tried, values = report.tried_values
    parts = [
        f"{_counted(len(report.rules), 'rule')}, {len(report.coverage)} with tests",
        *_correlations_summary(report),
        f"{_counted(tests, 'test')}: {tests - failed} passed, {failed} failed"
        + (f", {faults} cannot be read" if faults else ""),
    ]
    if values:
        parts.append(f"{tried} of {values} values tried ({report.percent_tried:.0f} %)")
    return Text("; ".join(parts), style="red" if failed or faults else "green")


def _correlations_summary(report: RuleTestReport) -> Iterator[str]:
    if report.correlations:
        tested = len({result.rule.id for result in report.cases})
        yield f"{_counted(len(report.correlations), 'correlation rule')}, {tested} with tests"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def rule_tests_json(report: RuleTestReport) -> dict[str, Any]:
    """Return the results of all tests as JSON."""
    tried, values = report.tried_values
    return {
        "rules": len(report.rules),
        "tested": len(report.coverage),
        "tests": [_result_json(result) for result in report.results],
        "correlations": len(report.correlations),
        "cases": [case_json(result) for result in report.cases],
        "faults": [str(fault) for fault in report.faults],
        "coverage": {"tried": tried, "values": values, "rules": [_coverage_json(rule) for rule in report.coverage]},
        "untested": [rule_json(rule) for rule in report.untested],
    }


def _result_json(result: RuleTestResult) -> dict[str, Any]:
    outcome = {
        "rule": rule_json(result.rule),
        "name": result.test.name,
        "file": result.test.location.file,
        "line": result.test.location.line,
        "expect": "hit" if result.test.hit else "miss",
        "passed": result.passed,
    }
    if result.passed:
        return outcome
    return {**outcome, "why": result.reason, "explanation": explanation_json(result.explanation)}


def _coverage_json(coverage: RuleTestCoverage) -> dict[str, Any]:
    return {
        "rule": rule_json(coverage.rule),
        "tried": coverage.covered,
        "values": coverage.values,
        "predicates": [_tally_json(tally) for tally in coverage.tallies],
    }


def _tally_json(tally: SelectionTally) -> dict[str, Any]:
    is_keyword = tally.item.field is None
    values = zip(tally.item.values, tally.matched, strict=True)
    return {
        "selection": tally.selection,
        "field": tally.item.field,
        "held": tally.held,
        "failed": tally.failed,
        "values": [{"asks": describe_value(value, keyword=is_keyword), "matched": count} for value, count in values],
    }
