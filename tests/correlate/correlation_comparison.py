"""Answers of the engine and of the brute-force reference in one form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal
from fractions import Fraction

from support.correlation_reference import Answer, Group, Key, reference_all
from support.random_correlations import Scenario

from watcher.correlate import BEGINNING, CorrelationStates, Spans
from watcher.model.correlation_hits import BaseHit, CorrelationHit

Seen = tuple[str, Group, int, Key, Decimal | None]
ROUNDED = Context(prec=28)


def folded_group(match: CorrelationHit) -> Group:
    return tuple(value.casefold() for _, value in match.group)


def key(hit: BaseHit) -> Key:
    return hit.rule_id, hit.hit_id


def of_engine(matches: Iterable[CorrelationHit]) -> list[Seen]:
    return sorted(
        (
            match.rule_id,
            folded_group(match),
            match.time,
            key(match.completing),
            None if match.number is None else ROUNDED.plus(match.number).normalize(ROUNDED),
        )
        for match in matches
    )


def rounded(number: Fraction | None) -> Decimal | None:
    if number is None:
        return None
    return ROUNDED.divide(Decimal(number.numerator), Decimal(number.denominator)).normalize(ROUNDED)


def answers(scenario: Scenario, matches: Iterable[CorrelationHit], *, end: int) -> dict[str, Answer]:
    """Return the answers of the reference, in which inner hits have the ids that the engine gave them."""
    ids = {(match.rule_id, folded_group(match), key(match.completing)): match.hit_id for match in matches}
    return dict(
        reference_all(
            scenario.correlations,
            scenario.base_hits,
            end=end,
            identify=lambda *match: ids.get(match, repr(match)),
        )
    )


def of_reference(by_rule: dict[str, Answer], *, undecided: bool = False) -> list[Seen]:
    return sorted(
        (rule_id, match.group, match.time, match.completing, rounded(match.number))
        for rule_id, answer in by_rule.items()
        for match in (answer.undecided if undecided else answer.completed)
    )


def steps(scenario: Scenario) -> Iterator[tuple[Sequence[BaseHit], Spans, int]]:
    """Yield what arrives, what is searched then, and the earliest time at which something is still to arrive."""
    seen: set[Key] = set()
    for delivery in scenario.deliveries:
        seen |= {key(hit) for hit in delivery.base_hits}
        absent = [hit.time for hit in scenario.base_hits if key(hit) not in seen]
        late = Spans.of((time, time + 1) for time in absent)
        searched = Spans.of([(BEGINNING, delivery.until + 1)]).without(late)
        yield delivery.base_hits, searched, min([*absent, delivery.until + 1])


def states_of(scenario: Scenario) -> CorrelationStates:
    return CorrelationStates(scenario.correlations)


def everywhere(states: CorrelationStates, searched: Spans) -> dict[str, Spans]:
    rules = (rule_id for state in states.states.values() for rule_id in state.correlation.base_rules)
    return dict.fromkeys((rule_id for rule_id in rules if rule_id not in states.states), searched)
