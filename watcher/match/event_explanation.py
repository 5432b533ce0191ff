"""Why an event matched a rule, or did not: the condition tree with what each part of it said.

The parts are asked through the predicate itself, so that an explanation never says anything else than a search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

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
    """One test of an item, and whether the event passes it."""

    test: SigmaValue
    holds: bool
    nearly: str = ""  # what would let it hold, where that is little
    is_undecided: bool = False  # an expression took too long on the event


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationStep:
    """One node of the condition tree, and whether it holds for the event."""

    node: ConditionNode
    holds: bool
    selection: str = ""  # the name of the selection that the node is
    of: tuple[ExplanationStep, ...] = ()
    tried: tuple[CheckedValue, ...] = ()  # of an item
    values: Values = ()  # of an item: what the event's field holds
    is_undecided: bool = False  # neither holds nor fails: an expression took too long on the event

    @property
    def fails(self) -> bool:
        """Return whether the node certainly does not hold."""
        return not self.holds and not self.is_undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedClass:
    """One part of the rule's log source, whether the event belongs to it, and what the condition says of it there."""

    where: EventClass
    fits: bool
    step: ExplanationStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a rule says of one event."""

    rule: Rule
    channel: str
    code: str
    looked: tuple[CheckedClass, ...]  # where the event is of no part of the log source, the first alone

    @property
    def holds(self) -> bool:
        """Tell whether the rule matches the event."""
        return any(one.fits and one.step.holds for one in self.looked)

    @property
    def is_undecided(self) -> bool:
        """Return whether the rule took too long on the event to say whether it matches."""
        return not self.holds and any(one.fits and one.step.is_undecided for one in self.looked)

    @property
    def fits(self) -> bool:
        """Tell whether the event is of the rule's log source."""
        return any(one.fits for one in self.looked)


def explain(rule: Rule, scope: LogSourceEvents, view: EventView) -> Explanation:
    """Explain what a rule says of an event."""
    fitting = tuple(where for where in scope.event_classes if view.is_of(where))
    names = {id(selection.node): selection.name for selection in rule.selections}
    looked = tuple(
        CheckedClass(
            where=where, fits=where in fitting, step=_step(rule.node, view, names, process_audit=where.process_audit)
        )
        for where in fitting or scope.event_classes[:1]
    )
    return Explanation(rule=rule, channel=view.channel, code=view.code, looked=looked)


def _step(node: ConditionNode, view: EventView, names: Mapping[int, str], *, process_audit: bool) -> ExplanationStep:
    selection = names.get(id(node), "")
    if isinstance(node, DetectionItem):
        return _item(node, view, selection, process_audit=process_audit)
    branches = (node.of,) if isinstance(node, Not) else node.of
    of = tuple(_step(branch, view, names, process_audit=process_audit) for branch in branches)
    match node:
        case And():
            holds = all(one.holds for one in of)
            fails = any(one.fails for one in of)
        case Or():
            holds = any(one.holds for one in of)
            fails = all(one.fails for one in of)
        case Not():
            holds, fails = of[0].fails, of[0].holds
    return ExplanationStep(node=node, holds=holds, selection=selection, of=of, is_undecided=not holds and not fails)


def _item(item: DetectionItem, view: EventView, selection: str, *, process_audit: bool) -> ExplanationStep:
    def asked(item: DetectionItem) -> bool | None:
        try:
            return compile_node(item, process_audit=process_audit)(view)
        except Undecided:
            return None

    def passes(test: SigmaValue) -> bool | None:
        return asked(DetectionItem(field=item.field, values=(test,), modifiers=item.modifiers, location=item.location))

    holds = asked(item)
    return ExplanationStep(
        node=item,
        holds=holds is True,
        selection=selection,
        tried=tuple(_tried(test, passes) for test in item.values),
        values=() if item.field is None else view.values(item.field, process_audit=process_audit),
        is_undecided=holds is None,
    )


def _tried(test: SigmaValue, passes: Callable[[SigmaValue], bool | None]) -> CheckedValue:
    holds = passes(test)
    nearly = _nearly(test, passes) if holds is False else ""
    return CheckedValue(test=test, holds=holds is True, nearly=nearly, is_undecided=holds is None)


def _nearly(test: SigmaValue, asked: Callable[[SigmaValue], bool | None]) -> str:
    """Say which small change of a test that failed would let it hold."""
    match test:
        case SigmaRegex(flags=flags) if "i" not in flags and asked(replace(test, flags=f"{flags}i")):
            return "it would in another case: `re` looks at it, the flag `i` does not"
        case SigmaString(cased=True) if asked(replace(test, cased=False)):
            return "it would in another case: `cased` looks at it"
        case SigmaString(parts=parts) if parts and asked(SigmaString((Wildcard.ANY, *parts, Wildcard.ANY), test.cased)):
            return "a part of the value is like that: `contains` would hold"
    return ""
