"""The test that `FILE` or `FILE:LINE` means, with its event."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from watcher.errors import InputError
from watcher.model import Finding
from watcher.sigma.rule_test_files import RuleTest, read_rule_tests

_MOST_LISTED = 5


def referenced_test(path: Path, line: int | None) -> RuleTest:
    """Return the test in a line of a test file, or its only test.

    Raises InputError where there is no such test, or it is faulty, or there are several and no line.
    """
    file = read_rule_tests(path)
    if not file.tests and not file.findings:
        advice = "name a file with `hit:` or `miss:`, or call `watcher test`, which runs the cases"
        raise InputError(f"`{path}` holds cases of correlation rules, and no test of a single event", fix=advice)
    if not file.tests:
        return _valid(file.findings[0])
    entries: list[RuleTest | Finding] = sorted((*file.tests, *file.findings), key=_line)
    if line is None:
        if len(entries) > 1:
            raise InputError(f"`{path}` has several tests", fix=f"name one by its line: {_listed(path, file.tests)}")
        return _valid(entries[0])
    before = [entry for entry in entries if _line(entry) <= line]
    is_yaml = path.suffix.lower() in (".yml", ".yaml")  # where a test has several lines
    if not before or (_line(before[-1]) != line and not (is_yaml and line <= _line_count(path))):
        raise InputError(f"`{path}` has no test in line {line}", fix=f"take one of {_listed(path, file.tests)}")
    return _valid(before[-1])


def _line(entry: RuleTest | Finding) -> int:
    return entry.location.line


def _line_count(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def _valid(entry: RuleTest | Finding) -> RuleTest:
    if isinstance(entry, Finding):
        raise InputError(entry.message, location=entry.location, fix=entry.fix)
    return entry


def _listed(path: Path, tests: Sequence[RuleTest]) -> str:
    listed = [f"`{path}:{test.location.line}` ({test.name})" for test in tests[:_MOST_LISTED]]
    return ", ".join((*listed, *(("…",) if len(tests) > _MOST_LISTED else ())))
