"""Condition tree → predicate: the one authority on what a rule matches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from watcher.match.event import Asked, EventView
from watcher.match.value import OnText, fold, on_cidr, on_compare, on_number, on_regex, on_text, on_texts, on_time
from watcher.model import (
    All,
    AnyOf,
    Cidr,
    Compare,
    Empty,
    Event,
    Exists,
    FieldRef,
    Item,
    Node,
    Not,
    Number,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
)
from watcher.taxonomy.logsources import Scope, Where

OnView = Callable[[EventView], bool]


class Predicate:
    """What one rule matches, whatever channel the event is of."""

    __slots__ = ("_branches", "scope")

    def __init__(self, node: Node, scope: Scope) -> None:
        self.scope = scope
        plain = _compile(node, process_audit=False)
        audited = _compile(node, process_audit=True) if any(where.process_audit for where in scope.wheres) else plain
        self._branches: Sequence[tuple[Where, OnView]] = tuple(
            (where, audited if where.process_audit else plain) for where in scope.wheres
        )

    def __call__(self, view: EventView) -> bool:
        """Tell whether the rule matches the event."""
        return any(view.is_of(where) and holds(view) for where, holds in self._branches)

    def branches(self, view: EventView) -> tuple[tuple[bool, OnView], ...]:
        """Give what must be asked of events of this channel and code, and whether as process creation."""
        found = ((where.process_audit, holds) for where, holds in self._branches if view.is_of(where))
        return tuple(dict.fromkeys(found))

    def matches(self, event: Event, extra: Mapping[str, tuple[str, ...]] | None = None) -> bool:
        """Tell whether the rule matches a document, with the field mappings of settings."""
        return self(EventView(event, extra))


def part(node: Node, *, process_audit: bool) -> OnView:
    """Compile a part of a condition tree, to be asked on its own."""
    return _compile(node, process_audit=process_audit)


def _compile(node: Node, *, process_audit: bool) -> OnView:
    match node:
        case All(of=branches):
            return _every(tuple(_compile(branch, process_audit=process_audit) for branch in branches))
        case AnyOf(of=branches):
            return _some(tuple(_compile(branch, process_audit=process_audit) for branch in branches))
        case Not(of=branch):
            inner = _compile(branch, process_audit=process_audit)
            return lambda view: not inner(view)
        case Item():
            return _item(node, process_audit=process_audit)


def _every(parts: tuple[OnView, ...]) -> OnView:
    if len(parts) == 1:
        return parts[0]

    def holds(view: EventView) -> bool:
        for part in parts:  # noqa: SIM110 - a loop is faster than `all`, and a scan spends its time here
            if not part(view):
                return False
        return True

    return holds


def _some(parts: tuple[OnView, ...]) -> OnView:
    if len(parts) == 1:
        return parts[0]

    def holds(view: EventView) -> bool:
        for part in parts:  # noqa: SIM110 - the same
            if part(view):
                return True
        return False

    return holds


def _item(item: Item, *, process_audit: bool) -> OnView:
    if item.field is None:
        return _keywords(item)
    asked = (item.field, process_audit)
    tests = tuple(_on_field(test, asked) for test in _grouped(item))
    if not tests:
        return lambda _: False
    return _every(tests) if item.every else _some(tests)


def _grouped(item: Item) -> tuple[Test | tuple[Text, ...], ...]:
    """Bring texts that any may match together: the values are then folded once."""
    if item.every:
        return item.tests
    texts = tuple(test for test in item.tests if isinstance(test, Text) and not test.cased)
    others = tuple(test for test in item.tests if not isinstance(test, Text) or test.cased)
    return (texts, *others) if texts else others


def _on_field(test: Test | tuple[Text, ...], asked: Asked) -> OnView:
    match test:
        case Empty():
            return lambda view: not view.asked(asked)
        case Exists(expected=expected):
            return lambda view: bool(view.asked(asked)) is expected
        case FieldRef():
            return _reference(test, asked)
        case tuple():
            return _texts(test, asked)
        case Text(cased=False):
            return _texts((test,), asked)
    check = _on_value(test)

    def holds(view: EventView) -> bool:
        for value in view.asked(asked):  # noqa: SIM110 - the same
            if check(value):
                return True
        return False

    return holds


def _texts(tests: tuple[Text, ...], asked: Asked) -> OnView:
    checks = on_texts(tests)

    def holds(view: EventView) -> bool:
        for value in view.folded(asked):
            for check in checks:
                if check(value):
                    return True
        return False

    return holds


def _on_value(test: Test) -> OnText:
    match test:
        case Text():
            check = on_text(test)
            return check if test.cased else lambda value: check(fold(value))
        case Number():
            return on_number(test)
        case Regex():
            return on_regex(test)
        case Cidr():
            return on_cidr(test)
        case Compare():
            return on_compare(test)
        case TimePart():
            return on_time(test)
    raise TypeError(f"{type(test).__name__} is no test of a value")


def _reference(test: FieldRef, asked: Asked) -> OnView:
    referred = (test.field, asked[1])

    def holds(view: EventView) -> bool:
        mine, other = view.asked(asked), view.asked(referred)
        if not test.cased:
            mine, other = tuple(map(fold, mine)), tuple(map(fold, other))
        return any(_stands(one, another, test.how) for one in mine for another in other)

    return holds


def _stands(value: str, other: str, how: str) -> bool:
    match how:
        case "contains":
            return other in value
        case "startswith":
            return value.startswith(other)
        case "endswith":
            return value.endswith(other)
        case _:
            return value == other


def _keywords(item: Item) -> OnView:
    """Search a keyword anywhere in the event's data: unlike a field's value it need not be the whole of it."""
    checks = tuple(_on_value(_anywhere(test)) for test in item.tests)

    def holds(view: EventView) -> bool:
        values = view.everything()
        found = (any(map(check, values)) for check in checks)
        return all(found) if item.every else any(found)

    return holds


def _anywhere(test: Test) -> Test:
    if isinstance(test, Number):
        return Text((Wildcard.ANY, str(test.value), Wildcard.ANY))
    if not isinstance(test, Text):
        return test
    return Text((Wildcard.ANY, *test.parts, Wildcard.ANY), test.cased)
