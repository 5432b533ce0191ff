"""Condition tree → predicate, which decides what a rule matches."""

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
from watcher.taxonomy.logsources import LogSourceEvents

EventPredicate = Callable[[EventView], bool]


class Predicate:
    """The predicate of one rule, for events of any channel; it is compiled when an event needs it."""

    __slots__ = ("_compiled", "_node", "scope")

    def __init__(self, node: ConditionNode, scope: LogSourceEvents) -> None:
        self.scope = scope
        self._node = node
        self._compiled: dict[bool, EventPredicate] = {}

    def __call__(self, view: EventView) -> bool:
        """Return whether the rule matches the event; raises Undecided beyond the time limit."""
        return self.compiled(readings(self.scope, view))(view)

    def compiled(self, process_audits: Sequence[bool]) -> EventPredicate:
        """Return the predicate for events that are read in one of some ways: True reads 4688 as process creation."""
        return any_of(tuple(map(self._reading, process_audits)))

    def _reading(self, process_audit: bool) -> EventPredicate:  # noqa: FBT001 - one of the values of `readings`
        matches = self._compiled.get(process_audit)
        if matches is None:
            matches = self._compiled[process_audit] = _compile(self._node, process_audit=process_audit)
        return matches

    def matches(self, event: Event, extra: Mapping[str, tuple[str, ...]] | None = None) -> bool:
        """Return whether the rule matches a document, with the field mappings of settings."""
        return self(EventView(event, extra))


def readings(scope: LogSourceEvents, view: EventView) -> tuple[bool, ...]:
    """Return how a log source reads events of this channel and code: True reads 4688 as process creation.

    It is empty where the log source does not mean such events.
    """
    return tuple(
        dict.fromkeys(event_class.process_audit for event_class in scope.event_classes if view.is_of(event_class))
    )


def compile_node(node: ConditionNode, *, process_audit: bool) -> EventPredicate:
    """Compile a part of a condition tree."""
    return _compile(node, process_audit=process_audit)


def any_of(parts: tuple[EventPredicate, ...]) -> EventPredicate:
    """Return the predicate that holds if any of the parts holds."""
    if len(parts) == 1:
        return parts[0]

    def matches(view: EventView) -> bool:
        remaining = iter(parts)
        try:
            for part in remaining:
                if part(view):
                    return True
        except Undecided as undecided:
            return _settled(remaining, view, undecided, settles=True)
        return False

    return matches


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

    def matches(view: EventView) -> bool:
        remaining = iter(parts)
        try:
            for part in remaining:
                if not part(view):
                    return False
        except Undecided as undecided:
            return _settled(remaining, view, undecided, settles=False)
        return True

    return matches


def _settled(remaining: Iterator[EventPredicate], view: EventView, undecided: Undecided, *, settles: bool) -> bool:
    """Return the result that one of the remaining parts settles; raises Undecided if none does.

    A false part settles an "and", a true part an "or", whatever the undecided part would be.
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
        return _compile_keywords(item)
    request = (item.field, process_audit)
    predicates = tuple(_compile_value(sigma_value, request) for sigma_value in _grouped_values(item))
    if not predicates:
        return lambda _: False
    return _all_hold(predicates) if item.match_all else any_of(predicates)


def _grouped_values(item: DetectionItem) -> tuple[SigmaValue | tuple[SigmaString, ...], ...]:
    """Return the values of an item, with the uncased strings of which any may match in one group, folded once."""
    if item.match_all:
        return item.values
    strings = tuple(value for value in item.values if isinstance(value, SigmaString) and not value.cased)
    others = tuple(value for value in item.values if not isinstance(value, SigmaString) or value.cased)
    return (strings, *others) if strings else others


def _compile_value(sigma_value: SigmaValue | tuple[SigmaString, ...], request: FieldRequest) -> EventPredicate:
    match sigma_value:
        case SigmaNull():
            return lambda view: not view.read(request)
        case SigmaExists(expected=expected):
            return lambda view: bool(view.read(request)) is expected
        case SigmaFieldReference():
            return _compile_reference(sigma_value, request)
        case tuple():
            return _compile_strings(sigma_value, request)
        case SigmaString(cased=False):
            return _compile_strings((sigma_value,), request)
        case SigmaRegex():
            search = values_matcher(sigma_value)
            return lambda view: search(view.read(request))
    matcher = value_matcher(sigma_value)

    def matches(view: EventView) -> bool:
        for value in view.read(request):  # noqa: SIM110 - faster than `any` with a generator
            if matcher(value):
                return True
        return False

    return matches


def _compile_strings(strings: tuple[SigmaString, ...], request: FieldRequest) -> EventPredicate:
    matchers = string_matchers(strings)

    def matches(view: EventView) -> bool:
        for value in view.folded(request):
            for matcher in matchers:
                if matcher(value):
                    return True
        return False

    return matches


def value_matcher(sigma_value: SigmaValue) -> Matcher:
    """Return the matcher of a value of a rule that is compared with one value of an event."""
    match sigma_value:
        case SigmaString():
            matcher = string_matcher(sigma_value)
            return matcher if sigma_value.cased else lambda value: matcher(fold(value))
        case SigmaNumber():
            return number_matcher(sigma_value)
        case SigmaCidr():
            return cidr_matcher(sigma_value)
        case SigmaCompare():
            return comparison_matcher(sigma_value)
        case SigmaTimestampPart():
            return timestamp_matcher(sigma_value)
    raise TypeError(f"{type(sigma_value).__name__} has no matcher for one value")


def _compile_reference(reference: SigmaFieldReference, request: FieldRequest) -> EventPredicate:
    referred = (reference.field, request[1])

    def matches(view: EventView) -> bool:
        return refers(reference, view.read(request), view.read(referred))

    return matches


def refers(reference: SigmaFieldReference, values: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether a value of a field fulfils a reference to another one, which has other values."""
    if not reference.cased:
        values, others = tuple(map(fold, values)), tuple(map(fold, others))
    return any(_compare_values(value, other, reference.how) for value in values for other in others)


def _compare_values(value: str, other: str, how: str) -> bool:
    match how:
        case "contains":
            return other in value
        case "startswith":
            return value.startswith(other)
        case "endswith":
            return value.endswith(other)
        case _:
            return value == other


def _compile_keywords(item: DetectionItem) -> EventPredicate:
    """Compile keywords, which match anywhere in the event's data, and also a part of a value."""
    predicates = tuple(_compile_keyword(anywhere(sigma_value)) for sigma_value in item.values)
    return _all_hold(predicates) if item.match_all else any_of(predicates)


def _compile_keyword(keyword: SigmaValue) -> EventPredicate:
    if isinstance(keyword, SigmaRegex):
        search = values_matcher(keyword)
        return lambda view: search(view.keyword_values())
    matcher = value_matcher(keyword)
    return lambda view: any(map(matcher, view.keyword_values()))


def anywhere(keyword: SigmaValue) -> SigmaValue:
    """Return what a keyword asks of a value that may contain it."""
    if isinstance(keyword, SigmaNumber):
        return SigmaString((Wildcard.ANY, str(keyword.value), Wildcard.ANY))
    if not isinstance(keyword, SigmaString):
        return keyword
    return SigmaString((Wildcard.ANY, *keyword.parts, Wildcard.ANY), keyword.cased)
