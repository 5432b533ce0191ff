"""Which events were reported already: each is logged once, however often its window is searched."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field

import structlog

from watcher.model import EventDocument, Rule, UnreadableEvent
from watcher.search.undecided_events import UndecidedEvents, version_of

log = structlog.get_logger(__name__)

MOST = 10_000
"""Events that are remembered; beyond them the oldest are forgotten, because anybody may write any number."""


@dataclass(slots=True)
class EventMemory:
    """A set of limited size that several threads share."""

    most: int = MOST
    _keys: dict[Hashable, None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._keys

    def add(self, key: Hashable) -> bool:
        """Add a key, and return whether it is new."""
        with self._lock:
            if key in self._keys:
                return False
            if len(self._keys) >= self.most:
                del self._keys[next(iter(self._keys))]
            self._keys[key] = None
            return True


def report_unreadable(event: UnreadableEvent, memory: EventMemory) -> None:
    """Log an unreadable event, unless that was done before."""
    if memory.add((event.index, event.id)):
        log.warning("event.unreadable", index=event.index, id=event.id, reason=event.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedEvent:
    """An event that a rule could not decide within the time limit."""

    rule: Rule
    index: str
    id: str
    reason: str

    def __str__(self) -> str:
        return f"the event `{self.id}` of `{self.index}` is undecided: {self.reason}"


def report_undecided(rule: Rule, document: EventDocument, reason: str, memory: UndecidedEvents) -> UndecidedEvent:
    """Log an undecided event, unless that was done before."""
    if memory.add(version_of(rule), document.index, document.id):
        log.warning(
            "event.undecided",
            rule=rule.title,
            index=document.index,
            id=document.id,
            reason=reason,
            advice="rewrite the rule's expression without repetitions inside repetitions, and look at the event",
        )
    return UndecidedEvent(rule=rule, index=document.index, id=document.id, reason=reason)
