"""Many rules on many events: each event meets only the rules that its channel, its code and its strings allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from watcher.match.compiled_rule import CompiledRule, PrefilteredRule, Verdict
from watcher.match.event_kind import EventKind
from watcher.match.event_view import EventView
from watcher.match.flat_event import FieldFilter
from watcher.match.literal_index import LiteralIndexes
from watcher.match.paths_read import kind_paths
from watcher.match.predicate import readings
from watcher.match.required_literals import (
    LiteralTree,
    Requirement,
    Selectivity,
    canonical,
    codes,
    literal_tree,
    requirements,
    selectivity,
)
from watcher.model import ConditionNode, Event, Rule
from watcher.taxonomy.logsources import LogSourceEvents

_MAX_KINDS = 1024
_LONGEST_NAME = 300  # characters of a channel or code; Windows allows 255

_Prefilter = tuple[frozenset[str] | None, Requirement | None, tuple[Requirement, ...]]
"""The only event codes that a rule matches (None: any), and literals of which every matching event holds one.

The first requirement is met most rarely, as far as a rule alone shows; then come the others.
"""


_EVENT_ID = ("EventID", False)

_KindKey = tuple[str, str, bool, bool]
_Names = tuple[Any, ...]
"""The channel and the codes of an event as they stand in it."""


class _FrequentKind(NamedTuple):
    """A kind of events that comes often."""

    kind: EventKind
    field_filter: FieldFilter  # of the paths that its rules read
    paths: tuple[str, ...]  # those that show the channel and the codes
    values: tuple[str | None, ...]  # at these paths of all events of the kind


_RulesOfScope = tuple[LogSourceEvents, tuple[tuple[int, PrefilteredRule], ...]]
"""Rules of one log source with their place among all rules."""


class Ruleset:
    """Compiled rules; the rules for one kind of event are prepared when the first event of that kind comes."""

    def __init__(
        self,
        rules: Sequence[CompiledRule],
        extra: Mapping[str, tuple[str, ...]] | None = None,
        *,
        before: Ruleset | None = None,
    ) -> None:
        """Prepare rules; the prefilters of rules that `before` has too are taken from it."""
        self._extra = extra or {}
        previous = {} if before is None else before._prefilters  # noqa: SLF001
        new = {
            key: compiled.rule.node
            for compiled in rules
            if (key := (compiled.rule.id, compiled.rule.hash)) not in previous
        }
        trees = {key: literal_tree(node) for key, node in new.items()}
        self._selectivity: Selectivity = selectivity(trees.values()) if before is None else before._selectivity  # noqa: SLF001
        self._prefilters: dict[tuple[str, str], _Prefilter] = {
            key: previous.get(key) or _prefilter(new[key], trees[key], self._selectivity)
            for compiled in rules
            for key in ((compiled.rule.id, compiled.rule.hash),)
        }
        scopes: dict[LogSourceEvents, LogSourceEvents] = {}
        self._rules = tuple(
            PrefilteredRule(
                compiled,
                *self._prefilters[compiled.rule.id, compiled.rule.hash],
                scopes.setdefault(compiled.predicate.scope, compiled.predicate.scope),
            )
            for compiled in rules
        )
        self._by_scope = _by_scope(self._rules)
        self._predicates = {compiled.rule.id: compiled.predicate for compiled in rules}
        self._kinds: dict[_KindKey, EventKind] = {}
        self._frequent: dict[_Names, _FrequentKind] = {}
        self._field_filters: WeakValueDictionary[frozenset[str], FieldFilter] = WeakValueDictionary()
        self._indexes: LiteralIndexes = LiteralIndexes() if before is None else before._indexes  # noqa: SLF001

    def with_rules(self, rules: Sequence[CompiledRule]) -> Ruleset:
        """Return a ruleset of other rules; the prefilters of rules that stay are kept."""
        return Ruleset(rules, self._extra, before=self)

    def matches(self, rule_id: str, view: EventView) -> bool:
        """Return whether one rule matches an event, without the prefilter; raises Undecided."""
        return self._predicates[rule_id](view)

    def matching(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules that match an event for certain."""
        return self.verdict_of(event).rules

    def view(self, event: Event) -> EventView:
        """Return the view of an event with the field mappings of settings."""
        return EventView(event, self._extra)

    def verdict(self, view: EventView, undecided: Collection[tuple[str, str]] = ()) -> Verdict:
        """Return the rules that match an event, and those that could not be decided.

        `undecided` are ids and hashes of rules that did not decide about the event before: they are not evaluated.
        """
        return self._kind(view).verdict(view, undecided)

    def verdict_of(self, event: Event) -> Verdict:
        """Return what `verdict` returns; of events of a kind that comes often, only what rules read is flattened."""
        names = _names(event)
        try:
            frequent = self._frequent.get(names)
        except TypeError:  # a list or an object is no key
            frequent = None
        if frequent is not None:
            view = EventView(event, self._extra, frequent.field_filter)
            # the names are a guess: the event may hold others beside them, dotted
            if view.single_values(frequent.paths) == frequent.values:
                return frequent.kind.verdict(view)
        view = self.view(event)
        kind = self._kind(view)
        if kind.is_frequent and _are_plain(names):
            self._remember_frequent(names, kind, view)
        return kind.verdict(view)

    def _remember_frequent(self, names: _Names, kind: EventKind, view: EventView) -> None:
        """Remember the kind of an event whose channel and codes can be compared at once."""
        paths = kind_paths(view)
        values = view.single_values(paths)
        if values is None or any(value is not None and len(value) > _LONGEST_NAME for value in values):
            return
        if len(self._frequent) >= _MAX_KINDS:
            self._frequent.clear()
        self._frequent[names] = _FrequentKind(kind, self._field_filter(kind.paths_read(view)), paths, values)

    def _kind(self, view: EventView) -> EventKind:
        key = _key(view)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _MAX_KINDS:  # whoever writes events may invent any number of channels and codes
                self._kinds.clear()
            kind = self._kinds[key] = EventKind(_selected(self._by_scope, view, plain=key[2]), view, self._indexes)
        return kind

    def _field_filter(self, paths: frozenset[str]) -> FieldFilter:
        """Return the filter of some paths, which kinds of events share."""
        return self._field_filters.get(paths) or self._field_filters.setdefault(paths, FieldFilter(paths))


def _key(view: EventView) -> _KindKey:
    plain = view.read(_EVENT_ID) == (view.code,)  # else a rule's EventID may mean something else
    return view.channel_key, view.code, plain, view.is_windows


def _names(event: Event) -> _Names:
    """Return the channel and the codes of an event where they stand mostly, whatever they are; else nothing."""
    system, meta = event.get("winlog"), event.get("event")
    if type(system) is dict and type(meta) is dict:
        return system.get("channel"), system.get("event_id"), meta.get("code")
    return ()


def _are_plain(names: _Names) -> bool:
    """Return whether names can be remembered: short strings and numbers."""
    return bool(names) and all(
        len(name) <= _LONGEST_NAME if type(name) is str else name is None or type(name) is int for name in names
    )


def _prefilter(node: ConditionNode, tree: LiteralTree, literal_selectivity: Selectivity) -> _Prefilter:
    every = requirements(tree, literal_selectivity)
    best = literal_selectivity.best(every)
    return codes(node), best, tuple(requirement for requirement in every if requirement is not best)


def _by_scope(rules: Iterable[PrefilteredRule]) -> tuple[_RulesOfScope, ...]:
    numbered: dict[LogSourceEvents, list[tuple[int, PrefilteredRule]]] = {}
    for number, rule in enumerate(rules):
        numbered.setdefault(rule.scope, []).append((number, rule))
    return tuple((scope, tuple(of_scope)) for scope, of_scope in numbered.items())


def _selected(
    by_scope: Iterable[_RulesOfScope], view: EventView, *, plain: bool
) -> list[tuple[PrefilteredRule, tuple[bool, ...]]]:
    """Return the rules for events of this channel and code, in their order, and how they read them."""
    code = canonical(view.code)
    selected = [
        (number, prefiltered, process_audits)
        for scope, rules in by_scope
        if (process_audits := readings(scope, view))
        for number, prefiltered in rules
        if not plain or prefiltered.codes is None or code in prefiltered.codes
    ]
    selected.sort(key=itemgetter(0))
    return [(prefiltered, process_audits) for _, prefiltered, process_audits in selected]
