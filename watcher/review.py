"""All that is said of rules without a cluster: by reading, by lints and by the files of tests beside them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from watcher.lint.look import look, unique
from watcher.lint.tags import Matrix
from watcher.model import Finding
from watcher.prove.suite import suites_of
from watcher.read.folder import Rules
from watcher.settings import Source


def review(
    rules: Rules, source: Source, *, today: date, matrix: Matrix, stray: Iterable[Path] = ()
) -> tuple[Finding, ...]:
    """Give every finding once, in the order of the files.

    `stray` are files of tests that are to have a rule beside them.
    """
    found = unique(
        (
            *rules.findings,
            *(finding for rule in rules.rules for finding in rule.findings),
            *look(rules.rules, source, today=today, matrix=matrix),
            *suites_of(rules.rules, stray).findings,
        )
    )
    return tuple(sorted(found, key=lambda finding: (finding.place, finding.code)))
