"""Many rules on many events: each event meets only the rules that look at its channel and code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watcher.match.event import EventView
from watcher.match.predicate import Predicate
from watcher.model import Event, Rule


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule and its predicate."""

    rule: Rule
    predicate: Predicate


class RuleSet:
    """Rules compiled once, dispatched by channel and event code."""

    def __init__(self, watched: Sequence[Watched], extra: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._watched = tuple(watched)
        self._extra = extra or {}
        self._by_kind: dict[tuple[str, str], tuple[Watched, ...]] = {}

    def matching(self, event: Event) -> tuple[Rule, ...]:
        """Give the rules that match an event."""
        view = EventView(event, self._extra)
        return tuple(one.rule for one in self._candidates(view) if one.predicate(view))

    def _candidates(self, view: EventView) -> tuple[Watched, ...]:
        kind = (view.channel, view.code)
        found = self._by_kind.get(kind)
        if found is None:
            found = tuple(one for one in self._watched if any(map(view.is_of, one.predicate.scope.wheres)))
            self._by_kind[kind] = found
        return found
