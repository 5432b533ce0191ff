"""Lints of the selectors of rules: those that no rule matches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from watcher.lint.finding_codes import make_finding
from watcher.model import Finding, RuleMetadata
from watcher.settings import Settings
from watcher.settings.effective import criteria_match
from watcher.settings.rule_selection import RuleCriteria


def lint(rules: Sequence[RuleMetadata], settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each selector of settings that changes nothing, because no rule matches it."""
    for selector in settings.rules.select:
        if rules and selector.line and not any(criteria_match(selector, rule) for rule in rules):
            yield make_finding(
                "unused-selector",
                f"no rule matches this selector: {_written(selector)}",
                settings.location(selector.line),
                "correct its criteria, or remove it",
            )


def _written(criteria: RuleCriteria) -> str:
    """Return the criteria as settings write them."""
    values = ((entry.name, getattr(criteria, entry.name)) for entry in fields(RuleCriteria) if entry.name != "line")
    return ", ".join(f"{name} {' or '.join(f'`{value}`' for value in given)}" for name, given in values if given)
