"""The channels and event ids that a rule can match, and what Windows needs to log them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from watcher.model import And, ConditionNode, DetectionItem, Or, Rule, SigmaNumber, SigmaString
from watcher.settings import LogSourceMapping
from watcher.taxonomy.audit_needs import AuditNeed, audit_needs
from watcher.taxonomy.logsources import EventClass, events_of

_CODE_FIELDS = ("EventID", "event.code", "winlog.event_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNeed:
    """One channel and event id; None means any channel or any event id."""

    channel: str | None
    code: str | None
    needed: AuditNeed | None  # None: unknown

    @property
    def order(self) -> tuple[str, int, str]:
        """The sort key: channel, then number."""
        number = int(self.code) if self.code and self.code.isdigit() else -1
        return (self.channel or "", number, self.code or "")


def event_needs(rule: Rule, logsources: Sequence[LogSourceMapping] = ()) -> tuple[EventNeed, ...]:
    """Return the events that a rule can match: its log source, narrowed by the event ids of its condition."""
    codes = _required_values(rule.node, _CODE_FIELDS)
    classes = events_of(rule.logsource, logsources).event_classes
    needs = (need for event_class in classes for need in _needs(event_class, codes))
    return tuple(sorted(dict.fromkeys(needs), key=lambda need: need.order))


def unknown_logsource(rule: Rule, logsources: Sequence[LogSourceMapping] = ()) -> tuple[str, ...]:
    """Return the parts of a rule's log source that are unknown."""
    return events_of(rule.logsource, logsources).unknown


def _needs(event_class: EventClass, required: frozenset[str] | None) -> Iterator[EventNeed]:
    codes: Iterable[str | None] = event_class.codes or (None,)
    if required is not None:
        codes = [code for code in event_class.codes if code in required] if event_class.codes else sorted(required)
    for code in codes:
        yield EventNeed(channel=event_class.channel, code=code, needed=audit_needs(event_class.channel, code))


def _required_values(node: ConditionNode, fields: tuple[str, ...]) -> frozenset[str] | None:
    """Return the only values of the fields with which the condition can match; None if any value can."""
    if isinstance(node, DetectionItem):
        return _exact_values(node) if node.field in fields else None
    if isinstance(node, And):
        bound = [values for branch in node.of if (values := _required_values(branch, fields)) is not None]
        return frozenset.intersection(*bound) if bound else None
    if isinstance(node, Or):
        branches = [_required_values(branch, fields) for branch in node.of]
        named = [values for values in branches if values is not None]
        return frozenset().union(*named) if len(named) == len(branches) else None
    return None


def _exact_values(item: DetectionItem) -> frozenset[str] | None:
    values = set()
    for test in item.values:
        if isinstance(test, SigmaNumber):
            values.add(str(test.value))
        elif isinstance(test, SigmaString) and all(isinstance(part, str) for part in test.parts):
            values.add("".join(str(part) for part in test.parts))
        else:
            return None
    return frozenset(values)
