"""Condition tree → predicate: the one authority on what a rule matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from watcher.errors import Undecided
from watcher.match.event_view import EventView, FieldRequest
from watcher.match.matchers import (
    Matcher,
    cidr_matcher,
    comparison_matcher,
    fold,
    number_matcher,
    string_matcher,
    string_matchers,
    timestamp_matcher,
    values_matcher,
)
from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Event,
    Not,
    Or,
    SigmaCidr,
    SigmaCompare,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegex,
    SigmaString,
    SigmaTimestampPart,
    SigmaValue,
    Wildcard,
)
from watcher.taxonomy.logsources import EventClass, LogSourceEvents

EventPredicate = Callable[[EventView], bool]


class Predicate:
    """What one rule matches, whatever channel the event is of."""

    __slots__ = ("_branches", "scope")

    def __init__(self, node: ConditionNode, scope: LogSourceEvents) -> None:
        self.scope = scope
        plain = _compile(node, process_audit=False)
        audited = (
            _compile(node, process_audit=True) if any(where.process_audit for where in scope.event_classes) else plain
        )
        self._branches: Sequence[tuple[EventClass, EventPredicate]] = tuple(
            (where, audited if where.process_audit else plain) for where in scope.event_classes
        )

    def __call__(self, view: EventView) -> bool:
        """Tell whether the rule matches the event; raises Undecided where that cannot be said in time."""
        return any_of(tuple(holds for _, holds in self.branches(view)))(view)

    def branches(self, view: EventView) -> tuple[tuple[bool, EventPredicate], ...]:
        """Give what must be asked of events of this channel and code, and whether as process creation."""
        found = ((where.process_audit, holds) for where, holds in self._branches if view.is_of(where))
        return tuple(dict.fromkeys(found))

    def matches(self, event: Event, extra: Mapping[str, tuple[str, ...]] | None = None) -> bool:
        """Tell whether the rule matches a document, with the field mappings of settings."""
        return self(EventView(event, extra))


def compile_node(node: ConditionNode, *, process_audit: bool) -> EventPredicate:
    """Compile a part of a condition tree, to be asked on its own."""
    return _compile(node, process_audit=process_audit)


def any_of(parts: tuple[EventPredicate, ...]) -> EventPredicate:
    """Return the function that is true where any of the parts is."""
    if len(parts) == 1:
        return parts[0]

    def holds(view: EventView) -> bool:
        remaining = iter(parts)
        try:
            for part in remaining:
                if part(view):
                    return True
        except Undecided as undecided:
            return _settled(remaining, view, undecided, settles=True)
        return False

    return holds


def _compile(node: ConditionNode, *, process_audit: bool) -> EventPredicate:
    match node:
        case And(of=branches):
            return _all_hold(tuple(_compile(branch, process_audit=process_audit) for branch in branches))
        case Or(of=branches):
            return any_of(tuple(_compile(branch, process_audit=process_audit) for branch in branches))
        case Not(of=branch):
            inner = _compile(branch, process_audit=process_audit)
            return lambda view: not inner(view)
        case DetectionItem():
            return _compile_item(node, process_audit=process_audit)


def _all_hold(parts: tuple[EventPredicate, ...]) -> EventPredicate:
    if len(parts) == 1:
        return parts[0]

    def holds(view: EventView) -> bool:
        remaining = iter(parts)
        try:
            for part in remaining:
                if not part(view):
                    return False
        except Undecided as undecided:
            return _settled(remaining, view, undecided, settles=False)
        return True

    return holds


def _settled(remaining: Iterator[EventPredicate], view: EventView, undecided: Undecided, *, settles: bool) -> bool:
    """Return the answer that one of the remaining parts settles; raises Undecided where none does.

    A false part settles an "and", a true part an "or", whatever the undecided part would have said.
    """
    for part in remaining:
        try:
            if part(view) is settles:
                return settles
        except Undecided:
            continue
    raise undecided


def _compile_item(item: DetectionItem, *, process_audit: bool) -> EventPredicate:
    if item.field is None:
        return _keywords(item)
    asked = (item.field, process_audit)
    tests = tuple(_on_field(test, asked) for test in _grouped(item))
    if not tests:
        return lambda _: False
    return _all_hold(tests) if item.match_all else any_of(tests)


def _grouped(item: DetectionItem) -> tuple[SigmaValue | tuple[SigmaString, ...], ...]:
    """Bring texts that any may match together: the values are then folded once."""
    if item.match_all:
        return item.values
    texts = tuple(test for test in item.values if isinstance(test, SigmaString) and not test.cased)
    others = tuple(test for test in item.values if not isinstance(test, SigmaString) or test.cased)
    return (texts, *others) if texts else others


def _on_field(test: SigmaValue | tuple[SigmaString, ...], asked: FieldRequest) -> EventPredicate:
    match test:
        case SigmaNull():
            return lambda view: not view.asked(asked)
        case SigmaExists(expected=expected):
            return lambda view: bool(view.asked(asked)) is expected
        case SigmaFieldReference():
            return _reference(test, asked)
        case tuple():
            return _texts(test, asked)
        case SigmaString(cased=False):
            return _texts((test,), asked)
        case SigmaRegex():
            search = values_matcher(test)
            return lambda view: search(view.asked(asked))
    check = _on_value(test)

    def holds(view: EventView) -> bool:
        for value in view.asked(asked):  # noqa: SIM110 - the same
            if check(value):
                return True
        return False

    return holds


def _texts(tests: tuple[SigmaString, ...], asked: FieldRequest) -> EventPredicate:
    checks = string_matchers(tests)

    def holds(view: EventView) -> bool:
        for value in view.folded(asked):
            for check in checks:
                if check(value):
                    return True
        return False

    return holds


def _on_value(test: SigmaValue) -> Matcher:
    match test:
        case SigmaString():
            check = string_matcher(test)
            return check if test.cased else lambda value: check(fold(value))
        case SigmaNumber():
            return number_matcher(test)
        case SigmaCidr():
            return cidr_matcher(test)
        case SigmaCompare():
            return comparison_matcher(test)
        case SigmaTimestampPart():
            return timestamp_matcher(test)
    raise TypeError(f"{type(test).__name__} is no test of a value")


def _reference(test: SigmaFieldReference, asked: FieldRequest) -> EventPredicate:
    referred = (test.field, asked[1])

    def holds(view: EventView) -> bool:
        mine, other = view.asked(asked), view.asked(referred)
        if not test.cased:
            mine, other = tuple(map(fold, mine)), tuple(map(fold, other))
        return any(_compare_fields(one, another, test.how) for one in mine for another in other)

    return holds


def _compare_fields(value: str, other: str, how: str) -> bool:
    match how:
        case "contains":
            return other in value
        case "startswith":
            return value.startswith(other)
        case "endswith":
            return value.endswith(other)
        case _:
            return value == other


def _keywords(item: DetectionItem) -> EventPredicate:
    """Search a keyword anywhere in the event's data: unlike a field's value it need not be the whole of it."""
    parts = tuple(_in_everything(_anywhere(test)) for test in item.values)
    return _all_hold(parts) if item.match_all else any_of(parts)


def _in_everything(test: SigmaValue) -> EventPredicate:
    if isinstance(test, SigmaRegex):
        search = values_matcher(test)
        return lambda view: search(view.everything())
    check = _on_value(test)
    return lambda view: any(map(check, view.everything()))


def _anywhere(test: SigmaValue) -> SigmaValue:
    if isinstance(test, SigmaNumber):
        return SigmaString((Wildcard.ANY, str(test.value), Wildcard.ANY))
    if not isinstance(test, SigmaString):
        return test
    return SigmaString((Wildcard.ANY, *test.parts, Wildcard.ANY), test.cased)
