"""Rule files that are not run as they are, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.model import Finding, Severity
from watcher.sigma.rule_file import NOT_RUN
from watcher.sigma.rule_folders import LoadedRules

MOST_FILES = 50
"""How many faulty files are listed one by one; the rest is one problem."""


def rule_problems(rules: LoadedRules) -> tuple[Problem, ...]:
    """Return a problem for each rule file with an error: a rule of it is not run, or only in its last valid version.

    These are two problems: after a restart no valid version is left, and operators hear of that too.
    """
    faults: dict[str, Finding] = {}
    for finding in rules.findings:
        if finding.severity is Severity.ERROR:
            faults.setdefault(finding.location.file, finding)
    files = sorted(faults)
    listed = [_problem(faults[file], retained=file in rules.retained) for file in files[:MOST_FILES]]
    return (*listed, *_rest(files[MOST_FILES:]))


def _problem(finding: Finding, *, retained: bool) -> Problem:
    name = Path(finding.location.file).name
    title = f"`{name}` runs in its last valid version" if retained else f"the rule of `{name}` does not run"
    fix = f"; {finding.fix}" if finding.fix and not (retained and finding.fix == NOT_RUN) else ""
    return Problem(
        kind=ProblemKind.RULE_FAULTS,
        subject=f"{finding.location.file} (last valid version)" if retained else finding.location.file,
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
