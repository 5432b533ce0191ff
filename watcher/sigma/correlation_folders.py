"""Rules of folders together with their correlations: what is run once correlations are evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from watcher.model import Location, Rule
from watcher.model.correlation_rules import ResolvedCorrelations
from watcher.sigma.rule_folders import LoadedRules

_NOT_EVALUATED = ("aggregation", "correlation")
"""The findings that say that correlations are not evaluated."""


def with_correlations(loaded: LoadedRules) -> LoadedRules:
    """Return the rules as they are run where correlations are evaluated.

    Rules with an aggregation give way to their base rules; findings no longer say that correlations are not run, and
    include those about correlations. Rules that were returned by this function are returned as they are.
    """
    converted = {rule.id for rule in loaded.correlations.rules if rule.converted}
    own = tuple(_without_note(rule) for rule in loaded.rules if rule.aggregation is None or rule.id not in converted)
    needed = loaded.correlations.required_by([rule.id for rule in loaded.correlations.rules])
    present = {rule.id for rule in own}
    base_rules = tuple(rule for rule in loaded.correlations.base_rules if rule.id in needed and rule.id not in present)
    findings = tuple(finding for finding in loaded.findings if finding.code not in _NOT_EVALUATED)
    return replace(
        loaded, rules=(*own, *base_rules), findings=tuple(dict.fromkeys((*findings, *loaded.correlations.findings)))
    )


def _without_note(rule: Rule) -> Rule:
    if all(finding.code not in _NOT_EVALUATED for finding in rule.findings):
        return rule
    return replace(rule, findings=tuple(each for each in rule.findings if each.code not in _NOT_EVALUATED))


def selected_correlations(complete: LoadedRules, selected: Callable[[Location], bool]) -> ResolvedCorrelations:
    """Return the correlations below some paths, with the rules elsewhere that they need."""
    resolved = complete.correlations
    named = {rule.id for rule in resolved.rules if selected(rule.location)}
    needed = named | resolved.required_by(named)
    elsewhere = tuple(rule for rule in complete.rules if rule.id in needed and not selected(rule.location))
    return replace(
        resolved,
        rules=tuple(rule for rule in resolved.rules if rule.id in needed),
        correlations={rule_id: each for rule_id, each in resolved.correlations.items() if rule_id in needed},
        base_rules=(*(rule for rule in resolved.base_rules if rule.id in needed), *elsewhere),
        findings=tuple(finding for finding in resolved.findings if selected(finding.location)),
    )
