"""Which correlations are evaluated, and what their base rules must tell of each event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from watcher.correlate.chains import CorrelationStates, inner_first
from watcher.correlate.judge_choice import judge_of
from watcher.model import Rule, RuleMetadata
from watcher.model.correlation_rules import CorrelationRule, ResolvedCorrelations
from watcher.model.correlations import Correlation


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRole:
    """What correlations need of a base rule."""

    fields: tuple[str, ...]  # whose values its base hits hold
    alerts: bool  # whether its hits open alerts of their own too


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationPlan:
    """The correlations that are evaluated together."""

    rules: Mapping[str, CorrelationRule] = field(default_factory=dict)  # by id
    correlations: tuple[Correlation, ...] = ()  # inner ones before the outer ones
    alerting: frozenset[str] = frozenset()  # ids of the correlation rules whose hits open alerts
    roles: Mapping[str, BaseRole] = field(default_factory=dict)  # id of a base rule → what is needed of it

    titles: Mapping[str, str] = field(default_factory=dict)  # of rules and correlation rules, by id

    def concerned(self, base_rules: Collection[str]) -> CorrelationPlan:
        """Return the part of the plan that hits of some base rules, or their absence, can change."""
        changed = set(base_rules)
        for correlation in self.correlations:
            waits = judge_of(correlation).has_uncertain_matches
            if waits or not changed.isdisjoint(correlation.base_rules):
                changed.add(correlation.rule_id)
        needed: set[str] = set()
        for correlation in reversed(self.correlations):
            if correlation.rule_id in changed or correlation.rule_id in needed:
                needed.update((correlation.rule_id, *correlation.base_rules))
        return replace(self, correlations=tuple(entry for entry in self.correlations if entry.rule_id in needed))

    def without(self, rule_ids: Collection[str]) -> CorrelationPlan:
        """Return the plan without some correlations on which none of the others builds."""
        return replace(self, correlations=tuple(entry for entry in self.correlations if entry.rule_id not in rule_ids))

    def rules_by_history(self) -> Mapping[timedelta, frozenset[str]]:
        """Return the base rules by how far before and after an event their hits count with it."""
        by_length: dict[timedelta, set[str]] = {}
        for base, length in CorrelationStates(self.correlations).histories().items():
            by_length.setdefault(timedelta(milliseconds=length + 1), set()).add(base)
        return {length: frozenset(rules) for length, rules in by_length.items()}


NO_CORRELATIONS = CorrelationPlan()
"""The plan of rules that are in no correlation."""


def plan_correlations(resolved: ResolvedCorrelations, enabled: Collection[str]) -> CorrelationPlan:
    """Return the plan of the enabled rules: `enabled` are the ids of rules and correlation rules that alert.

    Base rules and inner correlations are evaluated too, whether they are enabled or not.
    """
    silent = resolved.without_alerts(enabled)
    wanted = {*enabled, *resolved.required_by(enabled)}
    rules = {rule.id: rule for rule in resolved.rules if rule.id in wanted}
    correlations = inner_first(resolved.correlations[rule_id] for rule_id in rules)
    return CorrelationPlan(
        rules=rules,
        correlations=correlations,
        alerting=frozenset(rule_id for rule_id in rules if rule_id in enabled and rule_id not in silent),
        roles={
            base: BaseRole(fields=tuple(sorted(names)), alerts=base in enabled and base not in silent)
            for base, names in CorrelationStates(correlations).fields().items()
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedRules:
    """The rules that are searched, and the correlations of their hits."""

    rules: tuple[Rule, ...]  # enabled ones, and base rules of the correlations
    plan: CorrelationPlan = NO_CORRELATIONS

    @property
    def all(self) -> tuple[RuleMetadata, ...]:
        """The rules and the correlation rules."""
        return (*self.rules, *self.plan.rules.values())
