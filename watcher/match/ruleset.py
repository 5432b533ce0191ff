"""Many rules on many events: each event meets only the rules that its channel, its code and its texts allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from ahocorasick_rs import BytesAhoCorasick, Implementation

from watcher.errors import Undecided
from watcher.match.event_view import EventView, RebuiltField
from watcher.match.matchers import fold_loosely
from watcher.match.predicate import EventPredicate, Predicate, any_of
from watcher.match.required_literals import Requirement, Selectivity, canonical, codes, requirements, selectivity
from watcher.model import ConditionNode, Event, Rule

_MAX_KINDS = 1024
_MAX_TABLE = 800  # clues: as a table they are found twice as fast; one of 7,000 would take 60 MB


_About = tuple[frozenset[str] | None, Requirement | None]
"""The event codes outside which a rule matches nothing, and what every event holds that it matches."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule and its predicate."""

    rule: Rule
    predicate: Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a ruleset says of one event."""

    rules: tuple[Rule, ...] = ()  # that match
    undecided: tuple[Rule, ...] = ()  # of which that could not be said within the time limit


_NONE = Verdict()


@dataclass(frozen=True, slots=True)
class _RuleBranch:
    """What is known of a rule before any event is seen."""

    watched: CompiledRule
    codes: frozenset[str] | None
    requirement: Requirement | None


class Ruleset:
    """Rules compiled once; what one kind of event can meet is prepared when the first of that kind comes."""

    def __init__(
        self,
        watched: Sequence[CompiledRule],
        extra: Mapping[str, tuple[str, ...]] | None = None,
        *,
        before: Ruleset | None = None,
    ) -> None:
        """Compile rules; what `before` knows of those that are the same is taken over."""
        self._extra = extra or {}
        self._rare: Selectivity = selectivity(one.rule.node for one in watched) if before is None else before._rare  # noqa: SLF001
        old = {} if before is None else before._by_text  # noqa: SLF001
        self._by_text: dict[tuple[str, str], _About] = {
            (one.rule.id, one.rule.hash): old.get((one.rule.id, one.rule.hash)) or _about(one.rule.node, self._rare)
            for one in watched
        }
        self._known = tuple(_RuleBranch(one, *self._by_text[one.rule.id, one.rule.hash]) for one in watched)
        self._predicates = {one.rule.id: one.predicate for one in watched}
        self._kinds: dict[tuple[str, str, bool], _EventKind] = {}
        self._finders: _LiteralIndexes = WeakValueDictionary() if before is None else before._finders  # noqa: SLF001

    def with_rules(self, watched: Sequence[CompiledRule]) -> Ruleset:
        """Give a set of other rules, without a second look at those that stay."""
        return Ruleset(watched, self._extra, before=self)

    def matches(self, rule_id: str, view: EventView) -> bool:
        """Return whether one rule matches an event, without the required literals; raises Undecided."""
        return self._predicates[rule_id](view)

    def matching(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules that match an event for certain."""
        return self.verdict(self.view(event)).rules

    def view(self, event: Event) -> EventView:
        """Return the view of an event with the field mappings of settings."""
        return EventView(event, self._extra)

    def verdict(self, view: EventView) -> Verdict:
        """Return the rules that match an event, and those that could not be decided."""
        plain = view.values("EventID") == (view.code,)  # else a rule's EventID may mean something else
        key = (view.channel, view.code, plain)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _MAX_KINDS:  # whoever writes events may make up channels and codes without end
                self._kinds.clear()
            kind = self._kinds[key] = _EventKind(self._known, view, self._finders, plain=plain)
        return kind.verdict(view)


def _about(node: ConditionNode, rare: Selectivity) -> _About:
    return codes(node), rare.best(requirements(node, rare))


class _EventKind:
    """The rules that may match events of one channel and code, behind a search for their clues."""

    def __init__(self, known: Sequence[_RuleBranch], view: EventView, finders: _LiteralIndexes, *, plain: bool) -> None:
        self._rules: list[tuple[Rule, EventPredicate]] = []
        self._open: list[int] = []  # the rules that give no clue
        built: dict[RebuiltField, None] = {}  # what puts values together that stand nowhere in the event
        told: dict[str, list[int]] = {}
        for one in known:
            branches = one.watched.predicate.branches(view)
            if not branches or (plain and one.codes is not None and canonical(view.code) not in one.codes):
                continue
            number = len(self._rules)
            self._rules.append((one.watched.rule, any_of(tuple(holds for _, holds in branches))))
            if one.requirement is None:
                self._open.append(number)
                continue
            for field, text in one.requirement.pieces:
                told.setdefault(fold_loosely(text), []).append(number)
                for audit in {audit for audit, _ in branches}:
                    built.update(dict.fromkeys(view.built((field, audit))))
        self._built = tuple(built)
        self._told = tuple(tuple(dict.fromkeys(numbers)) for numbers in told.values())
        texts = tuple(told)
        self._finder = finders.get(texts) or finders.setdefault(texts, _LiteralIndex(texts))

    def verdict(self, view: EventView) -> Verdict:
        candidates = self._candidates(view)
        if not candidates:
            return _NONE
        matching: list[Rule] = []
        undecided: list[Rule] = []
        for number in candidates:
            rule, holds = self._rules[number]
            try:
                if holds(view):
                    matching.append(rule)
            except Undecided:  # the other rules go on
                undecided.append(rule)
        if not matching and not undecided:
            return _NONE
        return Verdict(rules=tuple(matching), undecided=tuple(undecided))

    def _candidates(self, view: EventView) -> Iterable[int]:
        if not self._told:
            return self._open
        text = view.text()
        if self._built:
            made = [value for built in self._built for value in view.remade(built)]
            if made:
                text = "\0".join((text, *map(fold_loosely, made)))
        seen = self._finder.seen_in(text)
        if not seen:
            return self._open
        told = self._told
        found = set(self._open)
        for number in seen:
            found.update(told[number])
        return found


class _LiteralIndex:
    """Finds which of some texts stand in another; many kinds of events are searched for the same ones."""

    __slots__ = ("__weakref__", "_automaton")

    def __init__(self, texts: Sequence[str]) -> None:
        self._automaton = BytesAhoCorasick(
            [_encoded(text) for text in texts],
            implementation=Implementation.DFA if len(texts) <= _MAX_TABLE else Implementation.ContiguousNFA,
        )

    def seen_in(self, text: str) -> set[int]:
        """Give the numbers of the texts that it holds."""
        seen = self._automaton.find_matches_as_indexes(_encoded(text), overlapping=True)
        return {number for number, _, _ in seen}


_LiteralIndexes = WeakValueDictionary[tuple[str, ...], _LiteralIndex]
"""The finders that some kind of events still needs, by their texts."""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # events do hold half a surrogate pair
