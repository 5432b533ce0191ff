"""The results of rule tests as JUnit XML, which every CI reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from watcher.present.correlation_case_tables import case_lines
from watcher.present.explanations import explanation_lines
from watcher.printable import printable_text
from watcher.ruletests.case_results import CaseResult
from watcher.ruletests.results import RuleTestResult

Result = RuleTestResult | CaseResult


def junit(results: Sequence[Result], faults: Sequence[str]) -> str:
    """Return a report: a suite per rule, a case per test; `faults` describe tests that cannot be read."""
    failed = sum(not result.passed for result in results)
    tests = len(results) + len(faults)
    root = Element("testsuites", _counts("watcher test", tests=tests, failures=failed, errors=len(faults)))
    for _, group in groupby(results, key=lambda result: result.rule.id):
        _add_suite(root, tuple(group))
    if faults:
        _add_faults(root, faults)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _counts(name: object, *, tests: int, failures: int, errors: int) -> dict[str, str]:
    return {
        "name": printable_text(name),
        "tests": str(tests),
        "failures": str(failures),
        "errors": str(errors),
    }


def _add_suite(root: Element, results: Sequence[Result]) -> None:
    failed = sum(not result.passed for result in results)
    suite = SubElement(root, "testsuite", _counts(results[0].rule.title, tests=len(results), failures=failed, errors=0))
    for result in results:
        test = result.test if isinstance(result, RuleTestResult) else result.case
        location = test.location
        case = SubElement(
            suite,
            "testcase",
            {
                "classname": printable_text(result.rule.path),
                "name": printable_text(test.name),
                "file": printable_text(location.file),
                "line": str(location.line),
            },
        )
        if not result.passed:
            failure = SubElement(case, "failure", {"message": printable_text(result.reason)})
            failure.text = "\n".join((str(location), *_lines(result)))


def _lines(result: Result) -> Iterator[str]:
    return explanation_lines(result.explanation) if isinstance(result, RuleTestResult) else case_lines(result)


def _add_faults(root: Element, faults: Sequence[str]) -> None:
    count = len(faults)
    suite = SubElement(root, "testsuite", _counts("tests that cannot be read", tests=count, failures=0, errors=count))
    for fault in faults:
        case = SubElement(suite, "testcase", {"classname": "tests", "name": printable_text(fault)})
        SubElement(case, "error", {"message": printable_text(fault)})
