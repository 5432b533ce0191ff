"""Why an event matched a rule, or did not: the condition tree with the result of each part.

The parts are evaluated by the predicate itself, so that an explanation and a search never differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from msgspec import structs

from watcher.errors import Undecided
from watcher.match.event_view import EventView
from watcher.match.flat_event import Values
from watcher.match.predicate import compile_node
from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Not,
    Or,
    Rule,
    SigmaRegex,
    SigmaString,
    SigmaValue,
    Wildcard,
)
from watcher.taxonomy.logsources import EventClass, LogSourceEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedValue:
    """One value of a detection item, and whether the event matches it."""

    sigma_value: SigmaValue
    holds: bool
    hint: str = ""  # the modifier with which it would match
    is_undecided: bool = False  # an expression took too long on the event


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationStep:
    """One node of the condition tree, and whether it holds for the event."""

    node: ConditionNode
    holds: bool
    selection: str = ""  # the name of the node's selection
    of: tuple[ExplanationStep, ...] = ()
    checked: tuple[CheckedValue, ...] = ()  # of a detection item
    values: Values = ()  # of a detection item: the values of the event's field
    is_undecided: bool = False  # neither holds nor fails: an expression took too long on the event

    @property
    def fails(self) -> bool:
        """Whether the node certainly does not hold."""
        return not self.holds and not self.is_undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedClass:
    """One event class of the rule's log source, whether the event is of it, and the result of the condition."""

    event_class: EventClass
    fits: bool
    step: ExplanationStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The result of a rule on one event."""

    rule: Rule
    channel: str
    code: str
    classes: tuple[CheckedClass, ...]  # only the first one if the event is of none

    @property
    def holds(self) -> bool:
        """Whether the rule matches the event."""
        return any(checked.fits and checked.step.holds for checked in self.classes)

    @property
    def is_undecided(self) -> bool:
        """Whether the rule took too long on the event to be decided."""
        return not self.holds and any(checked.fits and checked.step.is_undecided for checked in self.classes)

    @property
    def fits(self) -> bool:
        """Whether the event is of the rule's log source."""
        return any(checked.fits for checked in self.classes)


def explain(rule: Rule, scope: LogSourceEvents, view: EventView) -> Explanation:
    """Return the result of a rule on an event, with that of each part."""
    fitting = tuple(event_class for event_class in scope.event_classes if view.is_of(event_class))
    names = {id(selection.node): selection.name for selection in rule.selections}
    classes = tuple(
        CheckedClass(
            event_class=event_class,
            fits=event_class in fitting,
            step=_step(rule.node, view, names, process_audit=event_class.process_audit),
        )
        for event_class in fitting or scope.event_classes[:1]
    )
    return Explanation(rule=rule, channel=view.channel, code=view.code, classes=classes)


def _step(node: ConditionNode, view: EventView, names: Mapping[int, str], *, process_audit: bool) -> ExplanationStep:
    selection = names.get(id(node), "")
    if isinstance(node, DetectionItem):
        return _item(node, view, selection, process_audit=process_audit)
    branches = (node.of,) if isinstance(node, Not) else node.of
    of = tuple(_step(branch, view, names, process_audit=process_audit) for branch in branches)
    match node:
        case And():
            holds = all(step.holds for step in of)
            fails = any(step.fails for step in of)
        case Or():
            holds = any(step.holds for step in of)
            fails = all(step.fails for step in of)
        case Not():
            holds, fails = of[0].fails, of[0].holds
    return ExplanationStep(node=node, holds=holds, selection=selection, of=of, is_undecided=not holds and not fails)


def _item(item: DetectionItem, view: EventView, selection: str, *, process_audit: bool) -> ExplanationStep:
    def evaluate(item: DetectionItem) -> bool | None:
        try:
            return compile_node(item, process_audit=process_audit)(view)
        except Undecided:
            return None

    def matches(sigma_value: SigmaValue) -> bool | None:
        return evaluate(
            DetectionItem(field=item.field, values=(sigma_value,), modifiers=item.modifiers, location=item.location)
        )

    holds = evaluate(item)
    return ExplanationStep(
        node=item,
        holds=holds is True,
        selection=selection,
        checked=tuple(_checked_value(sigma_value, matches) for sigma_value in item.values),
        values=() if item.field is None else view.values(item.field, process_audit=process_audit),
        is_undecided=holds is None,
    )


def _checked_value(sigma_value: SigmaValue, matches: Callable[[SigmaValue], bool | None]) -> CheckedValue:
    holds = matches(sigma_value)
    hint = _hint(sigma_value, matches) if holds is False else ""
    return CheckedValue(sigma_value=sigma_value, holds=holds is True, hint=hint, is_undecided=holds is None)


def _hint(sigma_value: SigmaValue, matches: Callable[[SigmaValue], bool | None]) -> str:
    """Return the modifier with which a value that does not match would match; empty if there is none."""
    match sigma_value:
        case SigmaRegex(flags=flags) if "i" not in flags and matches(replace(sigma_value, flags=f"{flags}i")):
            return "would match with the modifier `i`, which ignores case"
        case SigmaString(cased=True) if matches(structs.replace(sigma_value, cased=False)):
            return "would match without the modifier `cased`, which is case-sensitive"
        case SigmaString(parts=parts) if parts and matches(
            SigmaString((Wildcard.ANY, *parts, Wildcard.ANY), sigma_value.cased)
        ):
            return "would match with the modifier `contains`: a part of the event's value fits"
    return ""
