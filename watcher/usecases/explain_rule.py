"""A rule as a cluster gets it: its query, its fields, its cost and its settings; and how windows are searched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from watcher.components import Components
from watcher.lint.query_cost import QueryCost, query_cost
from watcher.match.compiled_rule import CompiledRule
from watcher.model import Query, QueryPlan, Rule, Window
from watcher.search.searcher import SearchContext, Searcher
from watcher.settings import Source
from watcher.settings.effective import RuleSettings, rule_settings
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator, paths_of, rule_predicate, translate_rule
from watcher.usecases.loading import enabled_rules, load_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePlan:
    """A rule with its query plan on one source, and the settings that apply to it."""

    source: Source
    plan: QueryPlan
    effective: RuleSettings
    cost: QueryCost


def explain_rule(rule: Rule, components: Components) -> tuple[RulePlan, ...]:
    """Return the plan of a rule on each source."""
    return tuple(_planned(rule, source, components) for source in components.settings.sources)


def _planned(rule: Rule, source: Source, components: Components) -> RulePlan:
    effective = rule_settings(rule, components.settings)
    mapping = components.events().mapping(source.index, paths_of((rule,), source))
    translator = Translator(source, mapping)
    plan = translate_rule(rule, translator)
    cost = query_cost(plan, translator.log_source_query(rule), mapping)
    return RulePlan(source=source, plan=plan, effective=effective, cost=cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyExplanation:
    """How the next window of a source is searched, and why."""

    source: Source
    window: Window
    rules: int
    strategy: str  # `scan` or `query`
    reason: str
    query: Query  # what a scan requests


def explain_strategies(components: Components) -> tuple[StrategyExplanation, ...]:
    """Return the search strategy of each source for the window that ends now."""
    return tuple(_explained(components))


def _explained(components: Components) -> Iterator[StrategyExplanation]:
    settings, events = components.settings, components.events()
    rules = enabled_rules(settings, load_rules(settings))
    for source in settings.sources:
        end = events.now() - source.delay
        window = Window(start=end - source.overlap - source.every, end=end)
        with events.open(source.index, window, time_field=source.time_field) as snapshot:
            mapping = events.mapping(source.index, paths_of(rules, source))
            context = SearchContext(
                snapshot=snapshot, translator=Translator(source, mapping), event_reader=EventReader(source, mapping)
            )
            searcher = Searcher(source, [CompiledRule(rule, rule_predicate(rule, source)) for rule in rules])
            choice, query = searcher.choose(context, [_counted_plan(rule, source) for rule in rules])
        yield StrategyExplanation(
            source=source, window=window, rules=len(rules), strategy=choice.strategy, reason=choice.reason, query=query
        )


def _counted_plan(rule: Rule, source: Source) -> QueryPlan:
    """Return a plan that is only counted."""
    return QueryPlan(rule=rule, source=source.name, query={"match_all": {}}, exact=False)
