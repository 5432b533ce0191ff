"""Correlation rules as their authors wrote them, and what their references mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from watcher.model.correlations import Correlation, CorrelationType, NumericComparison, RuleCondition, group_fields
from watcher.model.findings import Finding, Location
from watcher.model.rules import Rule, RuleMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReference:
    """A base rule as a correlation rule names it: an id, a name, a title or a file name."""

    text: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationSection:
    """The mapping `correlation:` or `watcher:` of a correlation rule; its references are not resolved."""

    type: CorrelationType
    rules: tuple[RuleReference, ...]
    timespan: timedelta
    group_by: tuple[str, ...] = ()
    comparisons: tuple[NumericComparison, ...] = ()
    fields: tuple[str, ...] = ()
    percentile: Decimal | None = None
    boolean: RuleCondition | None = None  # its rule ids are references as written
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # alias → reference as written → field
    groups: tuple[tuple[str, ...], ...] = ()  # of `absence`
    windows: int = 0  # of `spike`
    minimum: int = 0  # of `spike`
    generate: bool = False  # whether base rules alert on their own
    locations: Mapping[str, Location] = field(default_factory=dict)  # key → its place

    @property
    def group_fields(self) -> tuple[str, ...]:
        """The fields or aliases whose values make a group."""
        return group_fields(self.type, self.group_by, self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationRule(RuleMetadata):
    """A Sigma correlation rule with everything that its author wrote."""

    section: CorrelationSection
    converted: bool = False  # from an aggregation of a rule

    def location_of(self, key: str) -> Location:
        """Return the place of a key of the section, or that of the rule."""
        return self.section.locations.get(key, self.location)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedCorrelations:
    """The correlation rules of all folders whose references are resolved."""

    rules: tuple[CorrelationRule, ...] = ()  # inner correlations before the outer ones
    correlations: Mapping[str, Correlation] = field(default_factory=dict)  # id of correlation rule → what is evaluated
    base_rules: tuple[Rule, ...] = ()  # converted from aggregations; other base rules are rules of the folders
    findings: tuple[Finding, ...] = ()  # about correlation rules, read or refused

    def without_alerts(self, enabled: Collection[str]) -> frozenset[str]:
        """Return the ids of rules and correlations that do not alert on their own.

        `enabled` are the ids of the correlation rules that are run. If one of several says `generate: true`, the base
        rule alerts.
        """
        alerting = {rule.id for rule in self.rules if rule.section.generate}
        silent: set[str] = set()
        generated: set[str] = set()
        for rule_id in self._evaluated(enabled):
            (generated if rule_id in alerting else silent).update(self.correlations[rule_id].base_rules)
        return frozenset(silent - generated)

    def required_by(self, enabled: Collection[str]) -> frozenset[str]:
        """Return the ids of base rules and inner correlations that the enabled correlation rules need."""
        return frozenset(base for rule_id in self._evaluated(enabled) for base in self.correlations[rule_id].base_rules)

    def _evaluated(self, enabled: Collection[str]) -> Iterator[str]:
        """Yield the ids of the enabled correlations and of those inside them, each once."""
        waiting = [rule_id for rule_id in enabled if rule_id in self.correlations]
        seen = set(waiting)
        while waiting:
            rule_id = waiting.pop()
            yield rule_id
            inner = [base for base in self.correlations[rule_id].base_rules if base in self.correlations]
            waiting.extend(base for base in inner if base not in seen)
            seen.update(inner)
