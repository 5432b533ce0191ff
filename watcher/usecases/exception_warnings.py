"""Why an exception may be too broad: it removes too much, or anybody can write what it excludes."""

from __future__ import annotations

from collections.abc import Iterator

from watcher.model import DetectionItem, SigmaString, Wildcard, detection_items
from watcher.usecases.exception_impact import ExceptionImpact
from watcher.usecases.exceptions import ExceptionPlan

_SHORTEST = 4  # characters of a value without its wildcards
_MOST_REMOVED = 0.5  # of the hits


def breadth_warnings(plan: ExceptionPlan) -> Iterator[str]:
    """Yield what is too broad about the conditions themselves."""
    items = tuple(detection_items(plan.sigma_filter.node))
    for item in items:
        for value in item.values:
            if isinstance(value, SigmaString):
                yield from _broad_value(item, value)
    if len(items) == 1:
        yield from _name_alone(items[0])


def _broad_value(item: DetectionItem, value: SigmaString) -> Iterator[str]:
    literal = _literal(value)
    if not literal and value.parts:
        yield f"`{item.field}` may have any value: the condition excludes nothing but absent fields"
    elif Wildcard.ANY in value.parts and len(literal) < _SHORTEST:
        yield f"`{value}` is short, so many values of `{item.field}` match it"


def _name_alone(item: DetectionItem) -> Iterator[str]:
    r"""Yield a warning for `\agent.exe` alone: an attacker names a program as they like."""
    for value in item.values:
        if not isinstance(value, SigmaString) or value.parts[:1] != (Wildcard.ANY,):
            continue
        folder, backslash, name = _literal(value).rpartition("\\")
        if backslash and not folder and name:
            yield (
                f"anybody can name a program `{name}`: write its entire path, or add another `--where`, "
                "such as the user or the parent process"
            )


def _literal(value: SigmaString) -> str:
    return "".join(part for part in value.parts if isinstance(part, str))


def impact_warnings(impact: ExceptionImpact) -> Iterator[str]:
    """Yield what is too broad about what the exception removes."""
    judged = impact.removed + impact.kept
    if not judged:
        return
    if not impact.removed:
        yield f"it removes none of {judged:,} hits"
    elif not impact.kept:
        yield f"it removes every hit ({judged:,}): add another `--where`, or disable the rule if it is of no use"
    elif impact.removed > judged * _MOST_REMOVED:
        yield f"it removes more than half of the hits ({impact.removed:,} of {judged:,})"
    if len(impact.commands) > 1:
        yield f"it removes {len(impact.commands):,} different commands: is each of them harmless?"
