"""Every lint over every rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from watcher.lint import (
    condition_logic,
    duplicates,
    field_names,
    logsource_lints,
    metadata,
    modifier_lints,
    slow_patterns,
    tag_lints,
    value_lints,
)
from watcher.lint.rule_source import MetadataSource, RuleSource
from watcher.model import Finding, Rule
from watcher.model.correlation_rules import CorrelationRule
from watcher.ports import Progress, no_progress
from watcher.settings import Source


def lint_rules(
    rules: Sequence[Rule],
    source: Source,
    *,
    today: date,
    matrix: tag_lints.AttackMatrix | None = None,
    progress: Progress = no_progress,
) -> tuple[Finding, ...]:
    """Return the findings about each rule by itself and about all rules together; the progress is in rules."""
    findings: list[Finding] = []
    for number, rule in enumerate(rules, start=1):
        findings.extend(lint_rule(rule, source, today=today, matrix=matrix))
        progress(number, len(rules))
    return tuple(unique((*findings, *duplicates.lint(rules), *slow_patterns.lint(rules))))


def lint_rule(
    rule: Rule, source: Source, *, today: date, matrix: tag_lints.AttackMatrix | None = None
) -> Iterator[Finding]:
    """Yield the findings about one rule."""
    rule_source = RuleSource(rule)
    yield from metadata.lint(rule_source, today)
    yield from tag_lints.lint(rule_source, matrix)
    yield from logsource_lints.lint(rule_source, source.logsources)
    yield from condition_logic.lint(rule_source)
    yield from field_names.lint(rule_source, source)
    yield from value_lints.lint(rule_source)
    yield from modifier_lints.lint(rule_source)


def lint_correlation(
    rule: CorrelationRule, *, today: date, matrix: tag_lints.AttackMatrix | None = None
) -> Iterator[Finding]:
    """Yield the findings about the metadata of a correlation rule; those of an aggregation are about its rule."""
    if rule.converted:
        return
    rule_source = MetadataSource(rule)
    yield from metadata.lint(rule_source, today)
    yield from tag_lints.lint(rule_source, matrix)


def unique(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield each finding once per code, location and message."""
    seen = set()
    for finding in findings:
        key = (finding.code, finding.location, finding.message)
        if key not in seen:
            seen.add(key)
            yield finding
