"""Every lint over every rule, and what settings and rules allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from watcher.lint import condition_logic as logic
from watcher.lint import duplicates as across
from watcher.lint import field_names as fields
from watcher.lint import logsource_lints as logsource
from watcher.lint import metadata as about
from watcher.lint import modifier_lints as modifiers
from watcher.lint import slow_patterns as slow
from watcher.lint import tag_lints as tags
from watcher.lint import value_lints as values
from watcher.lint.rule_source import RuleSource
from watcher.model import Finding, Rule
from watcher.settings import Source


def lint_rules(
    rules: Sequence[Rule], source: Source, *, today: date, matrix: tags.AttackMatrix | None = None
) -> tuple[Finding, ...]:
    """Say what is odd about rules, each by itself and all together."""
    alone = (finding for rule in rules for finding in lint_rule(rule, source, today=today, matrix=matrix))
    return tuple(unique((*alone, *across.lint(rules))))


def lint_rule(rule: Rule, source: Source, *, today: date, matrix: tags.AttackMatrix | None = None) -> Iterator[Finding]:
    """Say what is odd about one rule."""
    written = RuleSource(rule)
    yield from about.lint(written, today)
    yield from tags.lint(written, matrix)
    yield from logsource.lint(written, source.logsources)
    yield from logic.lint(written)
    yield from fields.lint(written, source)
    yield from values.lint(written)
    yield from modifiers.lint(written)
    yield from slow.lint(rule)


def unique(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave away what is said twice of one place."""
    seen = set()
    for finding in findings:
        key = (finding.code, finding.location, finding.message)
        if key not in seen:
            seen.add(key)
            yield finding
