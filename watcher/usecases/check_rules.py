"""Findings about rules, settings and tests of rules, without a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path

from watcher.attack.attack_table import shipped_table
from watcher.health.rule_states import rule_states
from watcher.lint import (
    allowances,
    correlation_lints,
    filter_lints,
    group_fields,
    route_lints,
    selector_lints,
    silence_lints,
)
from watcher.lint.allowances import JudgedFinding
from watcher.lint.run_lints import lint_correlation, lint_rules, unique
from watcher.lint.silence_lints import PlacedMatchers
from watcher.lint.tag_lints import AttackMatrix
from watcher.model import Finding, RuleMetadata, Severity
from watcher.ports import Progress, no_progress
from watcher.ruletests.suites import files_of_tests, rules_beside, suites_of_rules
from watcher.settings import Settings, Source
from watcher.settings.effective_routes import maintenance_windows
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.loading import load_rules, rule_folders

_SEVERITIES = list(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReport:
    """What only the cluster knows about rules and settings."""

    problems: tuple[str, ...] = ()  # what it lacks, or what the user may not
    notes: tuple[str, ...] = ()  # what `watcher run` will do
    findings: tuple[Finding, ...] = ()
    costs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # source → grade → queries
    mapped: frozenset[str] = frozenset()  # group-by fields that an index has
    silences: tuple[PlacedMatchers, ...] = ()  # that are not expired


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """Every finding of a check."""

    rules: int
    correlations: int
    findings: tuple[JudgedFinding, ...]
    cluster: ClusterReport
    states: Mapping[str, int] = field(default_factory=dict)  # state → rules

    def at_least(self, severity: Severity) -> tuple[JudgedFinding, ...]:
        """Return the findings of a severity or worse."""
        return tuple(judged for judged in self.findings if is_at_least(judged.finding, severity))

    def fails(self, severity: Severity) -> bool:
        """Whether the cluster lacks something, or a finding of the severity is not allowed."""
        return bool(self.cluster.problems) or any(not judged.allowed for judged in self.at_least(severity))


def is_at_least(finding: Finding, severity: Severity) -> bool:
    """Whether a finding has the severity or a worse one."""
    return _SEVERITIES.index(finding.severity) <= _SEVERITIES.index(severity)


def rules_to_check(settings: Settings, paths: Sequence[Path], progress: Progress = no_progress) -> LoadedRules:
    """Read the rules of some paths, of which files of tests stand for the rule beside them."""
    files = rules_beside(paths)
    return LoadedRules() if paths and not files else load_rules(settings, files, progress)


def test_files(settings: Settings, paths: Sequence[Path]) -> Iterable[Path]:
    """Return the files of tests below some paths, or below the rule folders of settings."""
    return files_of_tests(paths or [folder.path for folder in rule_folders(settings)])


def check_rules(  # noqa: PLR0913 - what it reads, and the progress
    settings: Settings,
    rules: LoadedRules,
    paths: Sequence[Path],
    *,
    today: date,
    cluster: ClusterReport | None = None,
    progress: Progress = no_progress,
) -> CheckReport:
    """Return what reading, lints, tests and the cluster found, and what of it is allowed."""
    report = cluster or ClusterReport()
    findings = review_rules(
        rules,
        settings.sources[0],
        today=today,
        matrix=shipped_table(),
        stray=test_files(settings, paths),
        progress=progress,
    )
    group_findings = group_fields.lint(rules.rules, settings, report.mapped)
    correlation_findings = correlation_lints.lint(rules, settings, report.mapped)
    of_settings = () if paths else (*_findings_of_settings(rules, settings, today, report),)
    ordered = sorted(
        unique((*findings, *group_findings, *correlation_findings, *of_settings, *report.findings)),
        key=_by_location,
    )
    judged = allowances.apply_allowances(ordered, _every_rule(rules), settings.check.allow)
    if not paths:  # rules outside of given paths may need an allowance that these do not
        unused = allowances.unused_allowances(judged, settings)
        judged = (*judged, *(JudgedFinding(finding=finding) for finding in unused))
    return CheckReport(
        rules=len(rules.rules),
        correlations=len(rules.correlations.rules),
        findings=tuple(judged),
        cluster=report,
        states=rule_states(rules, settings),
    )


def _findings_of_routes(rules: LoadedRules, settings: Settings, today: date) -> Iterable[Finding]:
    """Return the findings about routes, which only all rules together can have."""
    midnight = datetime.combine(today, time.min, UTC)
    return route_lints.lint((*rules.rules, *rules.correlations.rules), settings, now=midnight)


def review_rules(  # noqa: PLR0913 - what it reads, and the progress
    rules: LoadedRules,
    source: Source,
    *,
    today: date,
    matrix: AttackMatrix,
    stray: Iterable[Path] = (),
    progress: Progress = no_progress,
) -> tuple[Finding, ...]:
    """Return every finding once, in the order of the files.

    `stray` are files of tests that are to have a rule beside them.
    """
    findings = unique(
        (
            *rules.findings,
            *(finding for rule in rules.rules for finding in rule.findings),
            *lint_rules(rules.rules, source, today=today, matrix=matrix, progress=progress),
            *(
                finding
                for rule in rules.correlations.rules
                for finding in lint_correlation(rule, today=today, matrix=matrix)
            ),
            *filter_lints.lint(rules.filters, rules.rules, source),
            *suites_of_rules(rules.rules, stray, rules.correlations.rules).findings,
        )
    )
    return tuple(sorted(findings, key=_by_location))


def _findings_of_settings(
    rules: LoadedRules, settings: Settings, today: date, report: ClusterReport
) -> Iterator[Finding]:
    """Yield what is odd about settings and silences; who names rules asks about those alone."""
    yield from settings.risks
    yield from selector_lints.lint(_every_rule(rules), settings)
    yield from _findings_of_routes(rules, settings, today)
    yield from _silence_findings(settings, report, rules)


def _silence_findings(settings: Settings, report: ClusterReport, rules: LoadedRules) -> Iterator[Finding]:
    windows = tuple(
        PlacedMatchers(
            name=f"the maintenance window `{window.name}`",
            matchers=window.matchers,
            location=settings.location(window.line),
        )
        for window in maintenance_windows(settings)
    )
    yield from silence_lints.lint((*windows, *report.silences), _every_rule(rules), settings)


def _every_rule(rules: LoadedRules) -> tuple[RuleMetadata, ...]:
    return (*rules.rules, *rules.correlations.rules)


def _by_location(finding: Finding) -> tuple[object, str]:
    return finding.location, finding.code
