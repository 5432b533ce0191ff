"""The rule or correlation rule that somebody names: a file, an id, a title or a path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.errors import InputError
from watcher.model import Rule, RuleMetadata
from watcher.model.correlation_rules import CorrelationRule
from watcher.model.correlations import Correlation
from watcher.near_names import near_name_fix
from watcher.settings import Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.loading import correlations_of, load_named_rules, load_rules

_MOST_SUGGESTIONS = 5

R = TypeVar("R", bound=RuleMetadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCorrelation:
    """A correlation rule with what is needed to evaluate it."""

    rule: CorrelationRule
    correlation: Correlation
    rules: tuple[Rule, ...]  # base rules, those of inner correlations too
    plan: CorrelationPlan  # of this correlation alone; it alerts, whatever settings say


def find_rule(name: str, settings: Settings) -> Rule:
    """Return the rule of a file, an id, a title or a path.

    A part of a title or path is enough where it fits a single rule. Raises InputError where no rule or several rules
    fit, and for a correlation rule.
    """
    path = Path(name)
    if path.is_file() and (own := _of_file(load_named_rules(settings, (path,)).rules, path)):
        return own[0]
    named = find_any_rule(name, settings)
    if isinstance(named, Rule):
        return named
    titles = ", ".join(f"`{base.title}`" for base in named.rules)
    raise InputError(
        f"`{named.rule.title}` is a correlation rule, which has no query of its own",
        location=named.rule.location,
        fix=f"name a base rule ({titles})",
    )


def find_any_rule(name: str, settings: Settings) -> Rule | NamedCorrelation:
    """Return the rule, or the correlation rule, of a file, an id, a title or a path; see `find_rule`."""
    path = Path(name)
    if path.is_file():
        return _rule_of_file(load_named_rules(settings, (path,)), path)
    loaded = load_rules(settings)
    every = (*loaded.rules, *loaded.correlations.rules)
    exact = [rule for rule in every if name.lower() in _names(rule)]
    similar = [rule for rule in every if name.lower() in rule.title.lower() or name.lower() in rule.path.lower()]
    candidates = exact or similar
    if len(candidates) == 1:
        return _named(candidates[0], loaded)
    if candidates:
        raise InputError(f"`{name}` names several rules", fix=f"take one of {', '.join(_suggestions(candidates))}")
    existing = [spelling for rule in every for spelling in (rule.title, Path(rule.path).stem, rule.path, rule.id)]
    fix = near_name_fix(name, existing, "give a file, an id, a title or a path")
    raise InputError(f"`{name}` names no rule", fix=fix)


def unknown_rule_advice(name: str, settings: Settings) -> str:
    """Return what to write instead of an id or title that no rule of settings has; empty where one has it."""
    loaded = load_rules(settings)
    every = (*loaded.rules, *loaded.correlations.rules)
    if any(name.casefold() in (rule.id.casefold(), rule.title.casefold()) for rule in every):
        return ""
    existing = [spelling for rule in every for spelling in (rule.title, rule.id)]
    return f"no rule has the id or title `{name}`; {near_name_fix(name, existing, 'check the spelling')}"


def _suggestions(candidates: Sequence[RuleMetadata]) -> Iterator[str]:
    """Yield the paths of some rules, and the titles of those that share a file."""
    paths = Counter(rule.path for rule in candidates)
    for rule in candidates[:_MOST_SUGGESTIONS]:
        yield f"`{rule.path if paths[rule.path] == 1 else rule.title}`"


def _names(rule: RuleMetadata) -> tuple[str, str, str]:
    return rule.id.lower(), rule.title.lower(), rule.path.lower()


def _rule_of_file(loaded: LoadedRules, path: Path) -> Rule | NamedCorrelation:
    """Return what a file holds: of correlation rules and rules, its last correlation rule; else its first rule."""
    correlations = _of_file(loaded.correlations.rules, path)
    if correlations:
        return _named(correlations[-1], loaded)
    return next(iter(_of_file(loaded.rules, path)), loaded.rules[0])


def _of_file(rules: Sequence[R], path: Path) -> Sequence[R]:
    return [rule for rule in rules if Path(rule.location.file).resolve() == path.resolve()]


def _named(rule: RuleMetadata, loaded: LoadedRules) -> Rule | NamedCorrelation:
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, CorrelationRule):
        raise TypeError(rule)
    searched = correlations_of(loaded, (rule.id,))
    return NamedCorrelation(
        rule=rule,
        correlation=loaded.correlations.correlations[rule.id],
        rules=searched.rules,
        plan=searched.plan,
    )
