"""Many rules on many events: each event meets only the rules that its channel, its code and its texts allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ahocorasick

from watcher.match.clues import Clue, Rarity, clues, codes, rarity
from watcher.match.event import EventView
from watcher.match.predicate import OnView, Predicate
from watcher.model import Event, Node, Rule

_MOST_KINDS = 1024
_LEVELS = 3  # clues looked for per rule
_Asked = tuple[str, bool]  # a field, and whether Security 4688 is read as process creation


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule and its predicate."""

    rule: Rule
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a rule before any event is seen."""

    watched: Watched
    codes: frozenset[str] | None
    clues: tuple[Clue, ...]


class RuleSet:
    """Rules compiled once; what one kind of event can meet is prepared when the first of that kind comes."""

    def __init__(self, watched: Sequence[Watched], extra: Mapping[str, tuple[str, ...]] | None = None) -> None:
        nodes = [one.rule.node for one in watched]
        rare = rarity(nodes)
        self._extra = extra or {}
        self._known = tuple(_known(one, node, rare) for one, node in zip(watched, nodes, strict=True))
        self._kinds: dict[tuple[str, str, bool], _Kind] = {}

    def matching(self, event: Event) -> tuple[Rule, ...]:
        """Give the rules that match an event."""
        return self.matching_view(EventView(event, self._extra))

    def matching_view(self, view: EventView) -> tuple[Rule, ...]:
        """Give the rules that match an event that is looked at already."""
        plain = view.values("EventID") == (view.code,)  # else a rule's EventID may mean something else
        key = (view.channel, view.code, plain)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _MOST_KINDS:  # whoever writes events may make up channels and codes without end
                self._kinds.clear()
            kind = self._kinds[key] = _Kind(self._known, view, plain=plain)
        return kind.matching(view)


def _known(one: Watched, node: Node, rare: Rarity) -> _Known:
    best = sorted(clues(node, rare), key=rare.of, reverse=True)
    return _Known(one, codes(node), tuple(dict.fromkeys(best))[:_LEVELS])


class _Kind:
    """The rules that may match events of one channel and code, behind a search for their clues."""

    def __init__(self, known: Sequence[_Known], view: EventView, *, plain: bool) -> None:
        self._rules: list[Rule] = []
        self._holds: list[tuple[OnView, ...]] = []
        self._fields: dict[_Asked, None] = {}
        self._open: list[int] = [0] * _LEVELS  # per level, the rules that ask for nothing there
        masks: dict[str, list[int]] = {}
        for one in known:
            branches = one.watched.predicate.branches(view)
            if not branches or (plain and one.codes is not None and view.code not in one.codes):
                continue
            self._add(one, branches, masks)
        self._masks = {text: tuple(mask) for text, mask in masks.items()}
        self._automaton = _automaton(self._masks)

    def _add(self, one: _Known, branches: Sequence[tuple[bool, OnView]], masks: dict[str, list[int]]) -> None:
        bit = 1 << len(self._rules)
        self._rules.append(one.watched.rule)
        self._holds.append(tuple(holds for _, holds in branches))
        for level in range(_LEVELS):
            if level >= len(one.clues):
                self._open[level] |= bit
                continue
            for field, text in one.clues[level].pieces:
                masks.setdefault(text, [0] * _LEVELS)[level] |= bit
                for audit in {audit for audit, _ in branches}:
                    self._fields[field, audit] = None

    def matching(self, view: EventView) -> tuple[Rule, ...]:
        candidates = self._candidates(view)
        if not candidates:
            return ()
        found = []
        while candidates:
            low = candidates & -candidates
            number = low.bit_length() - 1
            candidates ^= low
            for holds in self._holds[number]:
                if holds(view):
                    found.append(self._rules[number])
                    break
        return tuple(found)

    def _candidates(self, view: EventView) -> int:
        first, second, third = self._open
        if self._automaton is not None:
            texts: list[str] = []
            for field, audit in self._fields:
                texts.extend(view.folded(field, process_audit=audit) if field else view.folded_everything())
            for text in {found for _, found in self._automaton.iter("\0".join(texts))}:
                mask = self._masks[text]
                first |= mask[0]
                second |= mask[1]
                third |= mask[2]
        return first & second & third


def _automaton(texts: Mapping[str, object]) -> ahocorasick.Automaton | None:
    if not texts:
        return None
    made = ahocorasick.Automaton()
    for text in texts:
        made.add_word(text, text)
    made.make_automaton()
    return made
