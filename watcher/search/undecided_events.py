"""Which rules left which events undecided: such a pair is evaluated once, however often its window is searched."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from watcher.model import EventDocument, Rule

MOST = 10_000
"""Pairs that are remembered; beyond them the oldest are forgotten, because anybody may write any number."""

RuleVersion = tuple[str, str]
"""Id and hash of a rule: a rule that changes is evaluated again."""

_Event = tuple[str, str]
"""Index and `_id` of an event."""


def version_of(rule: Rule) -> RuleVersion:
    """Return the version of a rule."""
    return rule.id, rule.hash


@dataclass(slots=True)
class UndecidedEvents:
    """The undecided pairs of a source, of limited number; several threads share them."""

    most: int = MOST
    _versions: dict[_Event, dict[RuleVersion, None]] = field(default_factory=dict)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def versions(self, document: EventDocument) -> Collection[RuleVersion]:
        """Return the rules that left an event undecided."""
        return self._versions.get((document.index, document.id), ()) if self._versions else ()

    def includes(self, rule: Rule, document: EventDocument) -> bool:
        """Whether a rule left an event undecided."""
        return version_of(rule) in self.versions(document)

    def add(self, version: RuleVersion, index: str, event_id: str) -> bool:
        """Add a pair, and return whether it is new."""
        with self._lock:
            before = self._versions.get((index, event_id), {})
            if version in before:
                return False
            while self._count >= self.most:
                self._count -= len(self._versions.pop(next(iter(self._versions))))
            # replaced, never changed: it is read without the lock
            self._versions[index, event_id] = {**self._versions.get((index, event_id), {}), version: None}
            self._count += 1
            return True
