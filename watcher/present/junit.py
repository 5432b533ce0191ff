"""The outcomes of rule tests as JUnit XML, which every CI reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from watcher.present.explanations import lines
from watcher.printable import printable_text
from watcher.ruletests.results import RuleTestResult


def junit(outcomes: Sequence[RuleTestResult], broken: Sequence[str]) -> str:
    """Write a report: a suite per rule, a case per test; `broken` are sentences on tests that cannot be read."""
    suites = [_suite(list(alike)) for _, alike in groupby(outcomes, key=lambda one: one.rule.id)]
    if broken:
        suites.append(_broken(broken))
    failed = sum(not one.passed for one in outcomes)
    count = len(outcomes) + len(broken)
    head = f'<testsuites name="watcher test" tests="{count}" failures="{failed}" errors="{len(broken)}">'
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>", ""))


def _suite(outcomes: Sequence[RuleTestResult]) -> str:
    rule = outcomes[0].rule
    failed = sum(not one.passed for one in outcomes)
    head = f'  <testsuite name={_attribute(rule.title)} tests="{len(outcomes)}" failures="{failed}" errors="0">'
    return "\n".join((head, *map(_case, outcomes), "  </testsuite>"))


def _case(outcome: RuleTestResult) -> str:
    location = outcome.test.location
    start = (
        f"    <testcase classname={_attribute(outcome.rule.path)} name={_attribute(outcome.test.name)}"
        f' file={_attribute(location.file)} line="{location.line}"'
    )
    if outcome.passed:
        return f"{start}/>"
    text = escape("\n".join((f"{location}", *lines(outcome.explanation))))
    return f"{start}>\n      <failure message={_attribute(outcome.reason)}>{text}</failure>\n    </testcase>"


def _broken(sentences: Sequence[str]) -> str:
    cases = "\n".join(
        f'    <testcase classname="tests" name={_attribute(one)}>\n'
        f"      <error message={_attribute(one)}/>\n    </testcase>"
        for one in sentences
    )
    count = len(sentences)
    head = f'  <testsuite name="tests that cannot be read" tests="{count}" failures="0" errors="{count}">'
    return f"{head}\n{cases}\n  </testsuite>"


def _attribute(text: object) -> str:
    return quoteattr(printable_text(text))
