"""Boolean conditions over base rules, as alternatives of rules that must be there and rules that must not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from watcher.model.correlations import AllOf, AnyOf, NoneOf, RuleCondition, RuleName

MAX_TERMS = 1_024


@dataclass(frozen=True, slots=True)
class RuleTerm:
    """An alternative of a boolean condition."""

    asked: frozenset[str] = frozenset()  # rules below an even number of `not`
    excluded: frozenset[str] = frozenset()  # rules below an odd number


def rule_terms(condition: RuleCondition) -> tuple[RuleTerm, ...]:
    """Return the alternatives of a boolean condition, the shortest first.

    Raise ValueError for a condition of too many alternatives, or one that holds with no event at all.
    """
    terms = _terms(condition, negated=False)
    if any(not term.asked for term in terms):
        raise ValueError("the condition holds with no event at all: ask for a rule without `not`")
    return terms


def asked_rules(condition: RuleCondition, *, negated: bool = False) -> frozenset[str]:
    """Return the rules that a condition asks for: those below an even number of `not`."""
    match condition:
        case RuleName(rule_id):
            return frozenset() if negated else frozenset((rule_id,))
        case NoneOf(part):
            return asked_rules(part, negated=not negated)
        case AllOf(parts) | AnyOf(parts):
            return frozenset[str]().union(*(asked_rules(part, negated=negated) for part in parts))


def _terms(condition: RuleCondition, *, negated: bool) -> tuple[RuleTerm, ...]:
    match condition:
        case RuleName(rule_id):
            rules = frozenset((rule_id,))
            return (RuleTerm(excluded=rules) if negated else RuleTerm(asked=rules),)
        case NoneOf(part):
            return _terms(part, negated=not negated)
        case AllOf(parts) | AnyOf(parts):
            alternatives = [_terms(part, negated=negated) for part in parts]
            if isinstance(condition, AnyOf) is not negated:
                return _shortest(term for terms in alternatives for term in terms)
            return _combined(alternatives)


def _combined(alternatives: Iterable[tuple[RuleTerm, ...]]) -> tuple[RuleTerm, ...]:
    """Return the alternatives in which a term of each part holds."""
    terms: tuple[RuleTerm, ...] = (RuleTerm(),)
    for further in alternatives:
        if len(terms) * len(further) > MAX_TERMS:
            raise ValueError(f"the condition has more than {MAX_TERMS} alternatives: write several correlations")
        terms = _shortest(
            RuleTerm(left.asked | right.asked, left.excluded | right.excluded)
            for left, right in product(terms, further)
        )
    return terms


def _shortest(terms: Iterable[RuleTerm]) -> tuple[RuleTerm, ...]:
    """Return the terms that no shorter term implies."""
    kept: list[RuleTerm] = []
    for term in sorted(set(terms), key=lambda term: (len(term.asked) + len(term.excluded), sorted(term.asked))):
        if not any(other.asked <= term.asked and other.excluded <= term.excluded for other in kept):
            kept.append(term)
    return tuple(kept)
