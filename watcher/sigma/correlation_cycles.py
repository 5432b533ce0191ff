"""The order of correlations that refer to correlations; cycles are errors that show the path."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from watcher.model import Finding, Severity
from watcher.model.correlation_rules import CorrelationRule

_MOST_SHOWN = 10  # rules of a cycle, in a finding
_MOST_EXPLAINED = 100  # correlations whose path is looked for, which takes time


def order_by_references(
    rules: Mapping[str, CorrelationRule], references: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Return the ids of correlations, inner ones before outer ones, and findings about those that are left out.

    `references` are the ids of base rules of each correlation without a fault.
    """
    inner = {
        rule_id: [base for base in dict.fromkeys(references[rule_id]) if base in rules]
        for rule_id in rules
        if rule_id in references
    }
    outer: dict[str, list[str]] = defaultdict(list)
    for rule_id, bases in inner.items():
        for base in bases:
            outer[base].append(rule_id)
    open_references = {rule_id: len(bases) for rule_id, bases in inner.items()}
    ready = deque(rule_id for rule_id, count in open_references.items() if not count)
    order: list[str] = []
    while ready:
        rule_id = ready.popleft()
        order.append(rule_id)
        for other in outer[rule_id]:
            open_references[other] -= 1
            if not open_references[other]:
                ready.append(other)
    ordered = set(order)
    remaining = {rule_id: [base for base in inner[rule_id] if base not in ordered] for rule_id in inner}
    left_out = [rule_id for rule_id in inner if rule_id not in ordered]
    faults = [_fault(rules, remaining, rule_id) for rule_id in left_out[:_MOST_EXPLAINED]]
    faults.extend(_left_out(rules, remaining, rule_id) for rule_id in left_out[_MOST_EXPLAINED:])
    return tuple(order), tuple(faults)


def _fault(rules: Mapping[str, CorrelationRule], remaining: Mapping[str, Sequence[str]], rule_id: str) -> Finding:
    """Return the finding about a correlation that refers to itself, or to one that is left out."""
    cycle = _cycle(remaining, rule_id)
    if not cycle:
        return _left_out(rules, remaining, rule_id)
    titles = [rules[each].title for each in (*cycle, rule_id)]
    shown = titles if len(titles) <= _MOST_SHOWN else [*titles[: _MOST_SHOWN - 1], "…", titles[-1]]
    return Finding(
        code="correlation-cycle",
        severity=Severity.ERROR,
        location=rules[rule_id].location_of("rules"),
        message=f"the correlation refers to itself: {' → '.join(f'`{title}`' for title in shown)}",
        fix="remove one of the references",
    )


def _left_out(rules: Mapping[str, CorrelationRule], remaining: Mapping[str, Sequence[str]], rule_id: str) -> Finding:
    inner = rules[remaining[rule_id][0]]
    return Finding(
        code="correlation-reference",
        severity=Severity.ERROR,
        location=rules[rule_id].location_of("rules"),
        message=f"the correlation `{inner.title}`, to which this one refers, is not evaluated",
        fix=f"correct `{inner.location}`",
    )


def _cycle(remaining: Mapping[str, Sequence[str]], start: str) -> tuple[str, ...]:
    """Return the shortest path from a correlation back to itself, without its end; empty if there is none."""
    previous: dict[str, str] = {}
    waiting = deque((start,))
    while waiting:
        rule_id = waiting.popleft()
        for base in remaining.get(rule_id, ()):
            if base == start:
                path = [rule_id]
                while path[-1] != start:
                    path.append(previous[path[-1]])
                return tuple(reversed(path))
            if base not in previous:
                previous[base] = rule_id
                waiting.append(base)
    return ()
