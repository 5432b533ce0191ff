"""The rules of a source that took too long on events lately, until they are rewritten."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher.model import Rule

_LATELY = timedelta(days=1)

_Version = tuple[str, str]
"""Id and hash of a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedRule:
    """A rule and the events that it left undecided."""

    rule: Rule
    events: int
    last: datetime  # when the last of them was searched, by the cluster's clock


@dataclass(slots=True)
class UndecidedRules:
    """Counts undecided events by version of a rule; several threads share it."""

    _by_version: dict[_Version, UndecidedRule] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rules: Iterable[Rule], now: datetime) -> None:
        """Count an event for each of some rules."""
        with self._lock:
            for rule in rules:
                before = self._by_version.get((rule.id, rule.hash))
                events = 1 if before is None else before.events + 1
                self._by_version[rule.id, rule.hash] = UndecidedRule(rule=rule, events=events, last=now)

    def lately(self, rules: Iterable[Rule], now: datetime) -> tuple[UndecidedRule, ...]:
        """Return those of some rules that left events undecided within a day, with the most events first."""
        versions = {(rule.id, rule.hash) for rule in rules}
        with self._lock:
            recent = [
                entry
                for version, entry in self._by_version.items()
                if version in versions and now - entry.last <= _LATELY
            ]
        return tuple(sorted(recent, key=lambda entry: (-entry.events, entry.rule.title)))
