"""The tests of each rule, and their events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.model import Event, Finding, Location, Rule, Severity
from watcher.model.correlation_rules import CorrelationRule
from watcher.sigma.correlation_cases import CaseEvent, CorrelationCase
from watcher.sigma.rule_test_files import (
    RuleTest,
    RuleTestFile,
    is_test_file,
    read_rule_tests,
    rule_file_of,
    rule_test_files,
)
from watcher.taxonomy.logsources import EventClass, LogSourceEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestSuite:
    """A rule and its tests."""

    rule: Rule
    tests: tuple[RuleTest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSuite:
    """A correlation rule and its cases."""

    rule: CorrelationRule
    cases: tuple[CorrelationCase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestSuites:
    """Every rule with its tests, and findings about faulty tests and tests without a rule."""

    suites: tuple[RuleTestSuite, ...]
    correlations: tuple[CaseSuite, ...] = ()
    findings: tuple[Finding, ...] = ()


def suites_of_rules(
    rules: Sequence[Rule], test_files: Iterable[Path] = (), correlations: Sequence[CorrelationRule] = ()
) -> RuleTestSuites:
    """Read the tests of every rule and correlation rule.

    `test_files` are reported if their rule file does not exist.
    """
    by_file: dict[str, list[Rule]] = {rule.location.file: [] for rule in correlations}
    for rule in rules:
        by_file.setdefault(rule.location.file, []).append(rule)
    suites: list[RuleTestSuite] = []
    case_suites: list[CaseSuite] = []
    findings: list[Finding] = []
    for file, file_rules in by_file.items():
        own = [rule for rule in correlations if rule.location.file == file]
        read = [read_rule_tests(path) for path in rule_test_files(Path(file))]
        findings.extend(finding for test_file in read for finding in test_file.findings)
        cases = tuple(case for test_file in read for case in test_file.cases)
        findings.extend((*_without_rule(read, file_rules), *_without_correlation(cases, own)))
        case_suites.extend(
            CaseSuite(rule=rule, cases=tuple(case for case in cases if _is_case_of(case, rule, own))) for rule in own
        )
        for rule in file_rules:
            tests = (test for test_file in read for test in test_file.tests)
            belonging = tuple(test for test in tests if _belongs(test, rule, file_rules))
            suites.append(RuleTestSuite(rule=rule, tests=belonging))
    findings.extend(_orphan(path) for path in test_files if rule_file_of(path) is None)
    return RuleTestSuites(suites=tuple(suites), correlations=tuple(case_suites), findings=tuple(findings))


def rules_beside(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the paths with each test file replaced by its rule file."""
    rule_files = (rule_file_of(path) if is_test_file(path) and path.is_file() else path for path in paths)
    return tuple(dict.fromkeys(path for path in rule_files if path is not None))


def files_of_tests(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the test files among the paths and below the folders among them."""
    for path in paths:
        if path.is_file():
            yield from (path,) if is_test_file(path) else ()
        elif path.is_dir():
            yield from sorted(file for file in path.rglob("*.test.*") if file.is_file() and is_test_file(file))


def _belongs(test: RuleTest, rule: Rule, file_rules: Sequence[Rule]) -> bool:
    if not test.rule:
        return len(file_rules) == 1
    return test.rule.lower() in (rule.id.lower(), rule.title.lower())


def _without_rule(read: Sequence[RuleTestFile], file_rules: Sequence[Rule]) -> Iterator[Finding]:
    for test in (test for test_file in read for test in test_file.tests):
        if any(_belongs(test, rule, file_rules) for rule in file_rules):
            continue
        if test.rule:
            message = f"the test `{test.name}` is for the rule `{test.rule}`, which is not in the rule file"
        else:
            message = f"the rule file has {len(file_rules)} rules, and the test `{test.name}` names none of them"
        yield _finding(message, test.location, "add `rule` with the id or title of a rule")


def _is_case_of(case: CorrelationCase, rule: CorrelationRule, file_rules: Sequence[CorrelationRule]) -> bool:
    if not case.rule:
        return len(file_rules) == 1
    return case.rule.lower() in (rule.id.lower(), rule.name.lower(), rule.title.lower())


def _without_correlation(cases: Sequence[CorrelationCase], file_rules: Sequence[CorrelationRule]) -> Iterator[Finding]:
    for case in cases:
        if any(_is_case_of(case, rule, file_rules) for rule in file_rules):
            continue
        if case.rule:
            message = f"the case `{case.name}` is for `{case.rule}`, which is no correlation rule of the rule file"
        elif file_rules:
            message = f"the rule file has {len(file_rules)} correlation rules, and `{case.name}` names none of them"
        else:
            message = f"the case `{case.name}` has no correlation rule: the rule file has none that can be evaluated"
        yield _finding(message, case.location, "add `rule` with the id, name or title of a correlation rule")


def _orphan(path: Path) -> Finding:
    name = path.name[: path.name.lower().index(".test.")]
    return _finding(
        "the tests have no rule file", Location(file=str(path), line=1), f"name the rule's file `{name}.yml`"
    )


def _finding(message: str, location: Location, fix: str) -> Finding:
    return Finding(code="test-file", severity=Severity.ERROR, location=location, message=message, fix=fix)


def event_of(test: RuleTest | CaseEvent, logsource_events: LogSourceEvents) -> Event:
    """Return the document of a test; a sketch without channel or code gets the first of the log source."""
    if not test.sketch:
        return test.event
    winlog: dict[str, Any] = dict(test.event["winlog"])
    event: dict[str, Any] = dict(test.event["event"])
    classes = logsource_events.event_classes
    event_class = next((item for item in classes if _fits(item, winlog, event)), classes[0])
    if "channel" not in winlog and event_class.channel is not None:
        winlog["channel"] = event_class.channel
    if "code" not in event and event_class.codes:
        event["code"] = winlog["event_id"] = event_class.codes[0]
    return {**test.event, "event": event, "winlog": winlog}


def _fits(event_class: EventClass, winlog: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event class has the channel and code of the sketch."""
    return winlog.get("channel", event_class.channel) == event_class.channel and (
        "code" not in event or not event_class.codes or event["code"] in event_class.codes
    )
