"""Which channels and event ids a rule can see, and what Windows needs to write them."""

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
    """Events of one kind; without a code every one of the channel, without a channel those of any."""

    channel: str | None
    code: str | None
    needed: AuditNeed | None  # None: not known

    @property
    def order(self) -> tuple[str, int, str]:
        """By channel, then by number."""
        number = int(self.code) if self.code and self.code.isdigit() else -1
        return (self.channel or "", number, self.code or "")


def event_needs(rule: Rule, logsources: Sequence[LogSourceMapping] = ()) -> tuple[EventNeed, ...]:
    """Tell which events a rule can see: those of its log source, narrowed by the event ids that its condition names."""
    asked = _values(rule.node, _CODE_FIELDS)
    found = (one for where in events_of(rule.logsource, logsources).event_classes for one in _seen(where, asked))
    return tuple(sorted(dict.fromkeys(found), key=lambda one: one.order))


def unknown(rule: Rule, logsources: Sequence[LogSourceMapping] = ()) -> tuple[str, ...]:
    """Name the parts of a rule's log source that no table knows."""
    return events_of(rule.logsource, logsources).unknown


def _seen(where: EventClass, asked: frozenset[str] | None) -> Iterator[EventNeed]:
    codes: Iterable[str | None] = where.codes or (None,)
    if asked is not None:
        codes = [code for code in where.codes if code in asked] if where.codes else sorted(asked)
    for code in codes:
        yield EventNeed(channel=where.channel, code=code, needed=audit_needs(where.channel, code))


def _values(node: ConditionNode, fields: tuple[str, ...]) -> frozenset[str] | None:
    """Give the only values of some field with which the condition can hold; None where any will do."""
    if isinstance(node, DetectionItem):
        return _listed(node) if node.field in fields else None
    if isinstance(node, And):
        bound = [values for branch in node.of if (values := _values(branch, fields)) is not None]
        return frozenset.intersection(*bound) if bound else None
    if isinstance(node, Or):
        branches = [_values(branch, fields) for branch in node.of]
        named = [values for values in branches if values is not None]
        return frozenset().union(*named) if len(named) == len(branches) else None
    return None


def _listed(item: DetectionItem) -> frozenset[str] | None:
    values = set()
    for test in item.values:
        if isinstance(test, SigmaNumber):
            values.add(str(test.value))
        elif isinstance(test, SigmaString) and all(isinstance(part, str) for part in test.parts):
            values.add("".join(str(part) for part in test.parts))
        else:
            return None
    return frozenset(values)
