"""Events of which a rule could not be decided in time: each is reported once, and not evaluated again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import structlog

from watcher.errors import Undecided
from watcher.model import EventDocument, Rule

log = structlog.get_logger(__name__)

MOST = 10_000
"""Events that are remembered; beyond them the oldest are forgotten."""

_Key = tuple[str, str, str, str]
"""A rule's id and hash, the index and `_id` of an event: a rule that changes is evaluated again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedEvent:
    """An event of which a rule could not be decided within the time limit."""

    rule: Rule
    index: str
    id: str
    reason: str

    def __str__(self) -> str:
        return f"the event `{self.id}` of `{self.index}` is undecided: {self.reason}"


@dataclass(slots=True)
class UndecidedMemory:
    """Remembers undecided events, a bounded number of them; for the threads of one source."""

    most: int = MOST
    _keys: OrderedDict[_Key, None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def holds(self, rule: Rule, event: EventDocument) -> bool:
        """Return whether the event was undecided for the rule before."""
        with self._lock:
            return _key(rule, event) in self._keys

    def report(self, rule: Rule, event: EventDocument, fault: Undecided) -> UndecidedEvent:
        """Remember an event and log it."""
        with self._lock:
            self._keys[_key(rule, event)] = None
            while len(self._keys) > self.most:
                self._keys.popitem(last=False)
        log.warning(
            "event.undecided",
            rule=rule.title,
            index=event.index,
            id=event.id,
            reason=str(fault),
            advice="rewrite the rule's expression without repetitions inside repetitions, and look at the event",
        )
        return UndecidedEvent(rule=rule, index=event.index, id=event.id, reason=str(fault))


def _key(rule: Rule, event: EventDocument) -> _Key:
    return rule.id, rule.hash, event.index, event.id
