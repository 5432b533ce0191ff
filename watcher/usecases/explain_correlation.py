"""How a correlation rule is evaluated: base rules, groups, window, condition, and when it is decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from watcher.correlate import CorrelationStates
from watcher.correlate.correlation_texts import condition_text, decision_text
from watcher.model import RuleMetadata
from watcher.model.correlation_rules import CorrelationRule
from watcher.model.correlations import Correlation
from watcher.settings import Settings
from watcher.settings.effective import RuleSettings, rule_settings
from watcher.usecases.named_rules import NamedCorrelation


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedBaseRule:
    """A base rule, or an inner correlation, and what is read of its hits."""

    rule: RuleMetadata
    logsource: str  # empty: an inner correlation
    fields: Mapping[str, str]  # name in `group-by` or `field` → field of the events


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationExplanation:
    """How one correlation rule is evaluated."""

    rule: CorrelationRule
    correlation: Correlation
    base_rules: tuple[ExplainedBaseRule, ...]
    sources: tuple[str, ...]  # names of the sources that the base rules search
    condition: str  # in words
    decided: str  # when, in words
    history: timedelta  # base hits of this time are read at a start, besides those of late events
    effective: RuleSettings
    inner: tuple[CorrelationExplanation, ...] = ()  # correlations whose hits it counts


def explain_correlation(named: NamedCorrelation, settings: Settings) -> CorrelationExplanation:
    """Return how a correlation rule is evaluated, and those that it builds on."""
    return _explained(named, named.correlation, settings)


def _explained(named: NamedCorrelation, correlation: Correlation, settings: Settings) -> CorrelationExplanation:
    plan, rule = named.plan, named.plan.rules[correlation.rule_id]
    by_id = {entry.rule_id: entry for entry in plan.correlations}
    inner = tuple(by_id[base] for base in correlation.base_rules if base in by_id)
    lengths = CorrelationStates(_with_inner(correlation, by_id)).histories().values()
    return CorrelationExplanation(
        rule=rule,
        correlation=correlation,
        base_rules=tuple(_base_rules(named, correlation)),
        sources=tuple(source.name for source in settings.sources),
        condition=condition_text(correlation, plan.titles),
        decided=decision_text(correlation, [source.overlap for source in settings.sources]),
        history=timedelta(milliseconds=max(lengths, default=0)),
        effective=rule_settings(rule, settings),
        inner=tuple(_explained(named, entry, settings) for entry in inner),
    )


def _with_inner(correlation: Correlation, by_id: Mapping[str, Correlation]) -> Iterator[Correlation]:
    """Yield a correlation and those that it builds on."""
    yield correlation
    for base in correlation.base_rules:
        if base in by_id:
            yield from _with_inner(by_id[base], by_id)


def _base_rules(named: NamedCorrelation, correlation: Correlation) -> Iterator[ExplainedBaseRule]:
    rules = {rule.id: rule for rule in named.rules}
    for base in correlation.base_rules:
        names = dict.fromkeys((*correlation.group_by, *correlation.fields))
        yield ExplainedBaseRule(
            rule=rules[base] if base in rules else named.plan.rules[base],
            logsource=str(rules[base].logsource) if base in rules else "",
            fields={name: correlation.field_of(name, base) for name in names},
        )
