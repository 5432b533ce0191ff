"""Which tests belong to which rule, and the events that they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.model import Event, Finding, Location, Rule, Severity
from watcher.sigma.test_files import RuleTest, RuleTestFile, case_files, is_case_file, read_cases, rule_file
from watcher.taxonomy.logsources import EventClass, LogSourceEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestSuite:
    """A rule and its tests."""

    rule: Rule
    cases: tuple[RuleTest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestSuites:
    """Every rule, tested or not, and the tests that belong to none."""

    suites: tuple[RuleTestSuite, ...]
    findings: tuple[Finding, ...] = ()


def suites_of_rules(rules: Sequence[Rule], stray: Iterable[Path] = ()) -> RuleTestSuites:
    """Find the tests beside every rule's file; `stray` are files of tests that are to have a rule beside them."""
    by_file: dict[str, list[Rule]] = {}
    for rule in rules:
        by_file.setdefault(rule.location.file, []).append(rule)
    suites: list[RuleTestSuite] = []
    findings: list[Finding] = []
    for file, alike in by_file.items():
        read = [read_cases(path) for path in case_files(Path(file))]
        findings.extend(finding for one in read for finding in one.findings)
        findings.extend(_unclaimed(read, alike))
        for rule in alike:
            cases = tuple(case for one in read for case in one.cases if _claims(case, rule, alike))
            suites.append(RuleTestSuite(rule=rule, cases=cases))
    findings.extend(_orphan(path) for path in stray if rule_file(path) is None)
    return RuleTestSuites(suites=tuple(suites), findings=tuple(findings))


def rules_beside(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Give some paths, each file of tests replaced by the rule file that it belongs to."""
    wanted = (rule_file(path) if is_case_file(path) and path.is_file() else path for path in paths)
    return tuple(dict.fromkeys(path for path in wanted if path is not None))


def files_of_tests(paths: Iterable[Path]) -> Iterator[Path]:
    """Give the files of tests among some paths, and below those that are folders."""
    for path in paths:
        if path.is_file():
            yield from (path,) if is_case_file(path) else ()
        elif path.is_dir():
            yield from sorted(one for one in path.rglob("*.test.*") if one.is_file() and is_case_file(one))


def _claims(case: RuleTest, rule: Rule, alike: Sequence[Rule]) -> bool:
    if not case.rule:
        return len(alike) == 1
    return case.rule.lower() in (rule.id.lower(), rule.title.lower())


def _unclaimed(read: Sequence[RuleTestFile], alike: Sequence[Rule]) -> Iterator[Finding]:
    for case in (case for one in read for case in one.cases):
        if any(_claims(case, rule, alike) for rule in alike):
            continue
        if case.rule:
            message = f"the test `{case.name}` is for the rule `{case.rule}`, which is not in the file beside it"
        else:
            message = (
                f"the file beside holds {len(alike)} rules, and the test `{case.name}` does not say which it is for"
            )
        yield _finding(message, case.location, "give the id or the title of one as `rule`")


def _orphan(path: Path) -> Finding:
    wanted = path.name[: path.name.lower().index(".test.")]
    return _finding(
        "no rule stands beside these tests", Location(file=str(path), line=1), f"call the rule's file `{wanted}.yml`"
    )


def _finding(message: str, location: Location, fix: str) -> Finding:
    return Finding(code="test-file", severity=Severity.ERROR, location=location, message=message, fix=fix)


def event_of(case: RuleTest, scope: LogSourceEvents) -> Event:
    """Give the document of a test; a sketch that names no channel or code has the first of the rule's log source."""
    if not case.sketch:
        return case.event
    winlog: dict[str, Any] = dict(case.event["winlog"])
    event: dict[str, Any] = dict(case.event["event"])
    where = next((one for one in scope.event_classes if _agrees(one, winlog, event)), scope.event_classes[0])
    if "channel" not in winlog and where.channel is not None:
        winlog["channel"] = where.channel
    if "code" not in event and where.codes:
        event["code"] = winlog["event_id"] = where.codes[0]
    return {**case.event, "event": event, "winlog": winlog}


def _agrees(where: EventClass, winlog: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether a part of a log source is what the sketch says of its channel and code."""
    return winlog.get("channel", where.channel) == where.channel and (
        "code" not in event or not where.codes or event["code"] in where.codes
    )
