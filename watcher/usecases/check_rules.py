"""All that is said of rules without a cluster: by reading, by lints and by the files of tests beside them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from watcher.lint.run_lints import lint_rules, unique
from watcher.lint.tag_lints import AttackMatrix
from watcher.model import Finding
from watcher.ruletests.suites import suites_of_rules
from watcher.settings import Source
from watcher.sigma.rule_folders import LoadedRules


def review(
    rules: LoadedRules, source: Source, *, today: date, matrix: AttackMatrix, stray: Iterable[Path] = ()
) -> tuple[Finding, ...]:
    """Give every finding once, in the order of the files.

    `stray` are files of tests that are to have a rule beside them.
    """
    found = unique(
        (
            *rules.findings,
            *(finding for rule in rules.rules for finding in rule.findings),
            *lint_rules(rules.rules, source, today=today, matrix=matrix),
            *suites_of_rules(rules.rules, stray).findings,
        )
    )
    return tuple(sorted(found, key=lambda finding: (finding.location, finding.code)))
