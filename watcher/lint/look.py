"""Every lint over every rule, and what settings and rules allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from watcher.lint import about, across, fields, logic, logsource, modifiers, tags, values
from watcher.lint.written import Written
from watcher.model import Finding, Rule
from watcher.settings import Source


def look(
    rules: Sequence[Rule], source: Source, *, today: date, matrix: tags.Matrix | None = None
) -> tuple[Finding, ...]:
    """Say what is odd about rules, each by itself and all together."""
    alone = (finding for rule in rules for finding in one(rule, source, today=today, matrix=matrix))
    return tuple(unique((*alone, *across.lint(rules))))


def one(rule: Rule, source: Source, *, today: date, matrix: tags.Matrix | None = None) -> Iterator[Finding]:
    """Say what is odd about one rule."""
    written = Written(rule)
    yield from about.lint(written, today)
    yield from tags.lint(written, matrix)
    yield from logsource.lint(written, source.logsources)
    yield from logic.lint(written)
    yield from fields.lint(written, source)
    yield from values.lint(written)
    yield from modifiers.lint(written)


def unique(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave away what is said twice of one place."""
    seen = set()
    for finding in findings:
        key = (finding.code, finding.place, finding.message)
        if key not in seen:
            seen.add(key)
            yield finding
