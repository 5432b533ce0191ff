"""Lints of correlations together with their base rules and settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from watcher.lint import correlation_logic
from watcher.lint.finding_codes import make_finding
from watcher.lint.group_fields import field_advice, is_possible_field
from watcher.model import Finding, Rule
from watcher.model.correlation_rules import CorrelationRule
from watcher.model.correlations import Correlation
from watcher.settings import Settings
from watcher.settings.effective import INACTIVE_STATUSES, rule_settings
from watcher.sigma.rule_folders import LoadedRules


def lint(loaded: LoadedRules, settings: Settings, mapped: Collection[str] = ()) -> Iterator[Finding]:
    """Yield the findings about correlations, also those of reading; `mapped` are paths that indices have."""
    resolved = loaded.correlations
    yield from resolved.findings
    rules = {rule.id: rule for rule in (*loaded.rules, *resolved.base_rules)}
    for rule in resolved.rules:
        correlation = resolved.correlations[rule.id]
        yield from correlation_logic.lint(rule, correlation)
        base_rules = [rules[base] for base in correlation.base_rules if base in rules and base != rule.id]
        for base in base_rules:
            yield from _fields(rule, correlation, base, settings, mapped)
        yield from _disabled(rule, base_rules, settings)


def _fields(
    rule: CorrelationRule, correlation: Correlation, base: Rule, settings: Settings, mapped: Collection[str]
) -> Iterator[Finding]:
    """Yield a finding for each field that no event of a base rule's log source has."""
    keys: Mapping[str, tuple[str, ...]] = {"group-by": correlation.group_by, "condition": correlation.fields}
    for key, names in keys.items():
        for name in (correlation.field_of(name, base.id) for name in names):
            if name in mapped or any(is_possible_field(name, base, source) for source in settings.sources):
                continue
            what = f"`{key}`" if key == "group-by" else "`field`"
            message = f"events of the rule `{base.title}` have no field `{name}` of {what}, so that none is counted"
            yield make_finding("correlation-field", message, rule.location_of(key), field_advice(name, base))


def _disabled(rule: CorrelationRule, base_rules: list[Rule], settings: Settings) -> Iterator[Finding]:
    for base in base_rules:
        effective = rule_settings(base, settings)
        by_default = effective.origins["enabled"].startswith("the default") and base.status not in INACTIVE_STATUSES
        if effective.enabled or by_default or base.aggregation is not None:
            continue
        reason = f"status `{base.status}`" if base.status in INACTIVE_STATUSES else effective.origins["enabled"]
        yield make_finding(
            "correlation-disabled-rule",
            f"the base rule `{base.title}` is disabled ({reason}); it is run for the correlation all the same",
            rule.location_of("rules"),
            "disable the correlation rule, too, if it is not wanted",
        )
