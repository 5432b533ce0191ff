"""Rule files that are not run as they are, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.model import Finding, Severity
from watcher.sigma.rule_folders import LoadedRules

MOST_FILES = 50
"""How many faulty files are listed one by one; the rest is one problem."""


def rule_problems(rules: LoadedRules) -> tuple[Problem, ...]:
    """Return a problem for each rule file with an error: none of its rules is run, or only their last valid version."""
    running = {rule.location.file for rule in rules.rules}
    faults: dict[str, Finding] = {}
    for finding in rules.findings:
        if finding.severity is Severity.ERROR:
            faults.setdefault(finding.location.file, finding)
    files = sorted(faults)
    listed = [_problem(faults[file], retained=file in running) for file in files[:MOST_FILES]]
    return (*listed, *_rest(files[MOST_FILES:]))


def _problem(finding: Finding, *, retained: bool) -> Problem:
    name = Path(finding.location.file).name
    title = f"`{name}` runs in its last valid version" if retained else f"the rule of `{name}` does not run"
    fix = f"; {finding.fix}" if finding.fix else ""
    return Problem(
        kind=ProblemKind.RULE_FAULTS,
        subject=finding.location.file,
        title=title,
        message=f"{title}: {finding.location}: {finding.message}{fix}",
    )


def _rest(files: Iterable[str]) -> tuple[Problem, ...]:
    count = len(tuple(files))
    if not count:
        return ()
    title = f"rules of {count:,} more files do not run"
    return (
        Problem(
            kind=ProblemKind.RULE_FAULTS, subject="more", title=title, message=f"{title}; `watcher check` lists them"
        ),
    )
