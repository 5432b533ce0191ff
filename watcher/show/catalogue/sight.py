"""Which channels and event ids a rule can see, and what Windows needs to write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from watcher.model import All, AnyOf, Item, Node, Number, Rule, Text
from watcher.settings import LogSourceMapping
from watcher.taxonomy.auditing import Needed, needed
from watcher.taxonomy.logsources import Where, scope

_CODE_FIELDS = ("EventID", "event.code", "winlog.event_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Events of one kind; without a code every one of the channel, without a channel those of any."""

    channel: str | None
    code: str | None
    needed: Needed | None  # None: not known

    @property
    def order(self) -> tuple[str, int, str]:
        """By channel, then by number."""
        number = int(self.code) if self.code and self.code.isdigit() else -1
        return (self.channel or "", number, self.code or "")


def sightings(rule: Rule, logsources: Sequence[LogSourceMapping] = ()) -> tuple[Sighting, ...]:
    """Tell which events a rule can see: those of its log source, narrowed by the event ids that its condition names."""
    asked = _values(rule.node, _CODE_FIELDS)
    found = (one for where in scope(rule.logsource, logsources).wheres for one in _seen(where, asked))
    return tuple(sorted(dict.fromkeys(found), key=lambda one: one.order))


def unknown(rule: Rule, logsources: Sequence[LogSourceMapping] = ()) -> tuple[str, ...]:
    """Name the parts of a rule's log source that no table knows."""
    return scope(rule.logsource, logsources).unknown


def _seen(where: Where, asked: frozenset[str] | None) -> Iterator[Sighting]:
    codes: Iterable[str | None] = where.codes or (None,)
    if asked is not None:
        codes = [code for code in where.codes if code in asked] if where.codes else sorted(asked)
    for code in codes:
        yield Sighting(channel=where.channel, code=code, needed=needed(where.channel, code))


def _values(node: Node, fields: tuple[str, ...]) -> frozenset[str] | None:
    """Give the only values of some field with which the condition can hold; None where any will do."""
    if isinstance(node, Item):
        return _listed(node) if node.field in fields else None
    if isinstance(node, All):
        bound = [values for branch in node.of if (values := _values(branch, fields)) is not None]
        return frozenset.intersection(*bound) if bound else None
    if isinstance(node, AnyOf):
        branches = [_values(branch, fields) for branch in node.of]
        named = [values for values in branches if values is not None]
        return frozenset().union(*named) if len(named) == len(branches) else None
    return None


def _listed(item: Item) -> frozenset[str] | None:
    values = set()
    for test in item.tests:
        if isinstance(test, Number):
            values.add(str(test.value))
        elif isinstance(test, Text) and all(isinstance(part, str) for part in test.parts):
            values.add("".join(str(part) for part in test.parts))
        else:
            return None
    return frozenset(values)
