"""Why an event matched a rule, or did not: the condition tree with what each part of it said.

The parts are asked through the predicate itself, so that an explanation never says anything else than a search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from watcher.match.document import Values
from watcher.match.event import EventView
from watcher.match.predicate import part
from watcher.model import All, AnyOf, Item, Node, Not, Regex, Rule, Test, Text, Wildcard
from watcher.taxonomy.logsources import Scope, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One test of an item, and whether the event passes it."""

    test: Test
    holds: bool
    nearly: str = ""  # what would let it hold, where that is little


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One node of the condition tree, and whether it holds for the event."""

    node: Node
    holds: bool
    selection: str = ""  # the name of the selection that the node is
    of: tuple[Step, ...] = ()
    tried: tuple[Tried, ...] = ()  # of an item
    values: Values = ()  # of an item: what the event's field holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One part of the rule's log source, whether the event belongs to it, and what the condition says of it there."""

    where: Where
    fits: bool
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a rule says of one event."""

    rule: Rule
    channel: str
    code: str
    looked: tuple[Looked, ...]  # where the event is of no part of the log source, the first alone

    @property
    def holds(self) -> bool:
        """Tell whether the rule matches the event."""
        return any(one.fits and one.step.holds for one in self.looked)

    @property
    def fits(self) -> bool:
        """Tell whether the event is of the rule's log source."""
        return any(one.fits for one in self.looked)


def explain(rule: Rule, scope: Scope, view: EventView) -> Explanation:
    """Explain what a rule says of an event."""
    fitting = tuple(where for where in scope.wheres if view.is_of(where))
    names = {id(selection.node): selection.name for selection in rule.selections}
    looked = tuple(
        Looked(
            where=where, fits=where in fitting, step=_step(rule.node, view, names, process_audit=where.process_audit)
        )
        for where in fitting or scope.wheres[:1]
    )
    return Explanation(rule=rule, channel=view.channel, code=view.code, looked=looked)


def _step(node: Node, view: EventView, names: Mapping[int, str], *, process_audit: bool) -> Step:
    selection = names.get(id(node), "")
    if isinstance(node, Item):
        return _item(node, view, selection, process_audit=process_audit)
    branches = (node.of,) if isinstance(node, Not) else node.of
    of = tuple(_step(branch, view, names, process_audit=process_audit) for branch in branches)
    match node:
        case All():
            holds = all(one.holds for one in of)
        case AnyOf():
            holds = any(one.holds for one in of)
        case Not():
            holds = not of[0].holds
    return Step(node=node, holds=holds, selection=selection, of=of)


def _item(item: Item, view: EventView, selection: str, *, process_audit: bool) -> Step:
    def asked(test: Test) -> bool:
        only = Item(field=item.field, tests=(test,), modifiers=item.modifiers, place=item.place)
        return part(only, process_audit=process_audit)(view)

    held = [(test, asked(test)) for test in item.tests]
    return Step(
        node=item,
        holds=part(item, process_audit=process_audit)(view),
        selection=selection,
        tried=tuple(
            Tried(test=test, holds=holds, nearly="" if holds else _nearly(test, asked)) for test, holds in held
        ),
        values=() if item.field is None else view.values(item.field, process_audit=process_audit),
    )


def _nearly(test: Test, asked: Callable[[Test], bool]) -> str:
    """Say which small change of a test that failed would let it hold."""
    match test:
        case Regex(flags=flags) if "i" not in flags and asked(replace(test, flags=f"{flags}i")):
            return "it would in another case: `re` looks at it, the flag `i` does not"
        case Text(cased=True) if asked(replace(test, cased=False)):
            return "it would in another case: `cased` looks at it"
        case Text(parts=parts) if parts and asked(Text((Wildcard.ANY, *parts, Wildcard.ANY), test.cased)):
            return "a part of the value is like that: `contains` would hold"
    return ""
