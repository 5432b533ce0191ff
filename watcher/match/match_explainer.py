"""Which values of an event made a rule match: for the people who read the alert.

An event is asked about after the rule matched it. The work is bounded: attackers write events, and a rule may have
thousands of values.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from watcher.errors import Undecided
from watcher.match.event_view import EventView
from watcher.match.flat_event import Values
from watcher.match.matched_values import FieldEntry, ValueCheck
from watcher.match.predicate import EventPredicate, compile_node, readings
from watcher.model import And, ConditionNode, DetectionItem, MatchedField, Not, Or
from watcher.taxonomy.logsources import LogSourceEvents

MOST_FIELDS = 30
_STEPS = 20_000_000  # characters compared for each event: some 20 ms
_CHECKS = 10_000  # pairs of a value of the rule and one of the event
_NEGATED = "not: "


class MatchExplainer:
    """The detection items of one rule, compiled when the first event is asked about."""

    __slots__ = ("_node", "_parts", "_scope")

    def __init__(self, node: ConditionNode, scope: LogSourceEvents) -> None:
        self._node = node
        self._scope = scope
        self._parts: dict[bool, _Part] = {}

    def matched(self, view: EventView) -> tuple[MatchedField, ...]:
        """Return the fields of an event that the rule matches for which it does, in the order of the rule.

        Where the rule has nothing but exceptions, they are what is returned.
        """
        ways = readings(self._scope, view)
        for process_audit in ways:
            part = self._part(process_audit)
            if len(ways) == 1 or part.holds(view):
                search = _Search(view, process_audit)
                search.positive(part)
                if not search.fields:
                    search.negated(part)
                return search.result()
        return ()

    def _part(self, process_audit: bool) -> _Part:  # noqa: FBT001 - one of the values of `readings`
        part = self._parts.get(process_audit)
        if part is None:
            part = self._parts[process_audit] = _Part(self._node, process_audit)
        return part


class _Part:
    """A node of the condition tree, compiled when it is asked."""

    def __init__(self, node: ConditionNode, process_audit: bool) -> None:  # noqa: FBT001 - one of `readings`
        self.node = node
        self._process_audit = process_audit

    @cached_property
    def of(self) -> tuple[_Part, ...]:
        match self.node:
            case And(of=branches) | Or(of=branches):
                return tuple(_Part(branch, self._process_audit) for branch in branches)
            case Not(of=branch):
                return (_Part(branch, self._process_audit),)
        return ()

    @cached_property
    def checks(self) -> tuple[ValueCheck, ...]:
        """The values of a detection item, each on its own."""
        node = self.node
        if not isinstance(node, DetectionItem):
            return ()
        return tuple(ValueCheck(value, is_keyword=node.field is None) for value in node.values)

    def holds(self, view: EventView) -> bool:
        """Whether the node holds; one that takes too long does not."""
        try:
            return self._predicate(view)
        except Undecided:
            return False

    @cached_property
    def _predicate(self) -> EventPredicate:
        return compile_node(self.node, process_audit=self._process_audit)


class _Search:
    """Collects the matched fields of one event, until the work that it may take is done."""

    def __init__(self, view: EventView, process_audit: bool) -> None:  # noqa: FBT001 - one of `readings`
        self.fields: dict[str, FieldEntry] = {}
        self._view = view
        self._process_audit = process_audit
        self._steps = _STEPS
        self._checks = _CHECKS

    def result(self) -> tuple[MatchedField, ...]:
        """Return the fields that have values or words."""
        return tuple(entry.result(name) for name, entry in self.fields.items() if entry.words or entry.marks)

    def positive(self, part: _Part) -> None:
        """Add the items below a part that holds."""
        match part.node:
            case DetectionItem() as item:
                self._add(item, part.checks)
            case And():
                for branch in part.of:
                    self.positive(branch)
            case Or():
                for branch in part.of:
                    if branch.holds(self._view):
                        self.positive(branch)
            case Not(of=Not()):
                self.positive(part.of[0].of[0])

    def negated(self, part: _Part) -> None:
        """Add what the exceptions ask for, which the event does not fulfil."""
        for item, checks in _items(part):
            entry = self._entry(item)
            if entry is not None and item.field is not None:
                for value in self._values(item):
                    entry.add_value(value)
                for check in checks:
                    entry.add_words(f"{_NEGATED}{check.words}")

    def _add(self, item: DetectionItem, checks: tuple[ValueCheck, ...]) -> None:
        entry = self._entry(item)
        if entry is None:
            return
        values = self._values(item)
        for check in checks:
            if not self._has_room(values, check):
                for value in () if item.field is None else values:
                    entry.add_value(value)
                entry.add_words(f"is one of {len(checks):,} values" if len(checks) > 1 else check.words)
                return
            self._check(check, values, entry)

    def _check(self, check: ValueCheck, values: Values, entry: FieldEntry) -> None:
        try:
            fulfilling = check.fulfilling(values, self._others(check))
        except Undecided:
            self._checks = 0  # others would take as long
            return
        if fulfilling is None:
            return
        entry.add_words(check.words)
        for value in fulfilling:
            entry.add_value(value, check.marks(value))

    def _others(self, check: ValueCheck) -> Values:
        """Return the values of the field that a value of the rule refers to."""
        return () if check.referred is None else self._view.values(check.referred, process_audit=self._process_audit)

    def _values(self, item: DetectionItem) -> Values:
        if item.field is None:  # the short ones first: the message repeats them
            return tuple(sorted(self._view.keyword_values(), key=len))
        return self._view.values(item.field, process_audit=self._process_audit)

    def _has_room(self, values: Values, check: ValueCheck) -> bool:
        self._steps -= sum(map(len, values)) * check.steps
        self._checks -= len(values)
        return self._steps >= 0 and self._checks >= 0

    def _entry(self, item: DetectionItem) -> FieldEntry | None:
        name = item.field or ""
        if name not in self.fields and len(self.fields) >= MOST_FIELDS:
            return None
        return self.fields.setdefault(name, FieldEntry())


def _items(part: _Part) -> Iterator[tuple[DetectionItem, tuple[ValueCheck, ...]]]:
    if isinstance(part.node, DetectionItem):
        yield part.node, part.checks
    for inner in part.of:
        yield from _items(inner)
