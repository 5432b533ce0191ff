"""Many rules on many events: each event meets only the rules that its channel, its code and its strings allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from weakref import WeakValueDictionary

from ahocorasick_rs import BytesAhoCorasick, Implementation

from watcher.errors import Undecided
from watcher.match.event_view import EventView, FieldRequest
from watcher.match.matchers import fold_loosely
from watcher.match.predicate import EventPredicate, Predicate, readings
from watcher.match.required_literals import Requirement, Selectivity, canonical, codes, requirements, selectivity
from watcher.model import ConditionNode, Event, Rule
from watcher.taxonomy.logsources import LogSourceEvents

_MAX_KINDS = 1024
_MAX_TABLE = 800  # literals: a table finds them twice as fast, but one of 7,000 literals takes 60 MB

_Prefilter = tuple[frozenset[str] | None, Requirement | None]
"""The only event codes that a rule matches (None: any), and the literals of which every matching event holds one."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule and its predicate."""

    rule: Rule
    predicate: Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The rules that match one event, and those that could not be decided."""

    rules: tuple[Rule, ...] = ()
    undecided: tuple[Rule, ...] = ()  # not decided within the time limit
    reasons: Mapping[str, str] = field(default_factory=dict)  # why, by the id of a rule that was evaluated


_NO_RULES = Verdict()
_EVENT_ID = ("EventID", False)


@dataclass(frozen=True, slots=True)
class _PrefilteredRule:
    """A rule with what is known about its matches before any event is read."""

    compiled: CompiledRule
    codes: frozenset[str] | None
    requirement: Requirement | None
    scope: LogSourceEvents  # equal scopes of several rules are the same object


_RulesOfScope = tuple[LogSourceEvents, tuple[tuple[int, _PrefilteredRule], ...]]
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
        nodes = (compiled.rule.node for compiled in rules)
        self._selectivity: Selectivity = selectivity(nodes) if before is None else before._selectivity  # noqa: SLF001
        previous = {} if before is None else before._prefilters  # noqa: SLF001
        self._prefilters: dict[tuple[str, str], _Prefilter] = {
            key: previous.get(key) or _prefilter(compiled.rule.node, self._selectivity)
            for compiled in rules
            for key in ((compiled.rule.id, compiled.rule.hash),)
        }
        scopes: dict[LogSourceEvents, LogSourceEvents] = {}
        self._rules = tuple(
            _PrefilteredRule(
                compiled,
                *self._prefilters[compiled.rule.id, compiled.rule.hash],
                scopes.setdefault(compiled.predicate.scope, compiled.predicate.scope),
            )
            for compiled in rules
        )
        self._by_scope = _by_scope(self._rules)
        self._predicates = {compiled.rule.id: compiled.predicate for compiled in rules}
        self._kinds: dict[tuple[str, str, bool, bool], _EventKind] = {}
        self._indexes: _LiteralIndexes = WeakValueDictionary() if before is None else before._indexes  # noqa: SLF001

    def with_rules(self, rules: Sequence[CompiledRule]) -> Ruleset:
        """Return a ruleset of other rules; the prefilters of rules that stay are kept."""
        return Ruleset(rules, self._extra, before=self)

    def matches(self, rule_id: str, view: EventView) -> bool:
        """Return whether one rule matches an event, without the prefilter; raises Undecided."""
        return self._predicates[rule_id](view)

    def matching(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules that match an event for certain."""
        return self.verdict(self.view(event)).rules

    def view(self, event: Event) -> EventView:
        """Return the view of an event with the field mappings of settings."""
        return EventView(event, self._extra)

    def verdict(self, view: EventView, undecided: Collection[tuple[str, str]] = ()) -> Verdict:
        """Return the rules that match an event, and those that could not be decided.

        `undecided` are ids and hashes of rules that did not decide about the event before: they are not evaluated.
        """
        plain = view.read(_EVENT_ID) == (view.code,)  # else a rule's EventID may mean something else
        key = (view.channel_key, view.code, plain, view.is_windows)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _MAX_KINDS:  # whoever writes events may invent any number of channels and codes
                self._kinds.clear()
            kind = self._kinds[key] = _EventKind(_selected(self._by_scope, view, plain=plain), view, self._indexes)
        return kind.verdict(view, undecided)


def _prefilter(node: ConditionNode, literal_selectivity: Selectivity) -> _Prefilter:
    return codes(node), literal_selectivity.best(requirements(node, literal_selectivity))


class _EventKind:
    """The rules that may match events of one channel and code, behind a search for their required literals."""

    def __init__(
        self,
        rules: Iterable[tuple[_PrefilteredRule, tuple[bool, ...]]],
        view: EventView,
        indexes: _LiteralIndexes,
    ) -> None:
        self._rules: list[Rule] = []
        self._predicates: list[EventPredicate | None] = []  # None: not compiled, because no event asked for it
        self._uncompiled: list[tuple[Predicate, tuple[bool, ...]]] = []
        self._unfiltered: list[int] = []  # numbers of the rules without required literals
        requests: dict[
            FieldRequest, None
        ] = {}  # the fields of required literals; some values are not in the event's text
        by_literal: dict[str, list[int]] = {}
        for prefiltered, process_audits in rules:
            number = len(self._rules)
            self._rules.append(prefiltered.compiled.rule)
            self._predicates.append(None)
            self._uncompiled.append((prefiltered.compiled.predicate, process_audits))
            if prefiltered.requirement is None:
                self._unfiltered.append(number)
                continue
            for path, text in prefiltered.requirement.literals:
                by_literal.setdefault(fold_loosely(text), []).append(number)
                for process_audit in process_audits:
                    requests[path, process_audit] = None
        self._rebuilt = tuple(dict.fromkeys(field for request in requests for field in view.rebuilt_fields(request)))
        self._rules_by_literal = tuple(tuple(dict.fromkeys(numbers)) for numbers in by_literal.values())
        literals = tuple(by_literal)
        self._index = indexes.get(literals) or indexes.setdefault(literals, _LiteralIndex(literals))

    def verdict(self, view: EventView, undecided_before: Collection[tuple[str, str]]) -> Verdict:
        candidates = self._candidates(view)
        if not candidates:
            return _NO_RULES
        matching: list[int] = []
        undecided: list[int] = []
        reasons: dict[str, str] = {}
        for number in candidates:
            if undecided_before and self._version(number) in undecided_before:
                undecided.append(number)
                continue
            matches = self._predicates[number] or self._compile(number)
            try:
                if matches(view):
                    matching.append(number)
            except Undecided as fault:  # the other rules are evaluated
                undecided.append(number)
                reasons[self._rules[number].id] = str(fault)
        if not matching and not undecided:
            return _NO_RULES
        return Verdict(rules=self._numbered(matching), undecided=self._numbered(undecided), reasons=reasons)

    def _version(self, number: int) -> tuple[str, str]:
        return self._rules[number].id, self._rules[number].hash

    def _numbered(self, numbers: list[int]) -> tuple[Rule, ...]:
        """Return rules in the order in which they were given: that of the candidates differs between processes."""
        return tuple([self._rules[number] for number in sorted(numbers)])

    def _compile(self, number: int) -> EventPredicate:
        predicate, process_audits = self._uncompiled[number]
        matches = self._predicates[number] = predicate.compiled(process_audits)
        return matches

    def _candidates(self, view: EventView) -> Iterable[int]:
        """Return the numbers of the rules of which the event holds a required literal, or that require none."""
        if not self._rules_by_literal:
            return self._unfiltered
        text = view.text()
        if self._rebuilt:
            values = [value for rebuilt in self._rebuilt for value in view.rebuild(rebuilt)]
            if values:
                text = "\0".join((text, *map(fold_loosely, values)))
        literals = self._index.literals_in(text)
        if not literals:
            return self._unfiltered
        rules_by_literal = self._rules_by_literal
        candidates = set(self._unfiltered)
        for literal in literals:
            candidates.update(rules_by_literal[literal])
        return candidates


def _by_scope(rules: Iterable[_PrefilteredRule]) -> tuple[_RulesOfScope, ...]:
    numbered: dict[LogSourceEvents, list[tuple[int, _PrefilteredRule]]] = {}
    for number, rule in enumerate(rules):
        numbered.setdefault(rule.scope, []).append((number, rule))
    return tuple((scope, tuple(of_scope)) for scope, of_scope in numbered.items())


def _selected(
    by_scope: Iterable[_RulesOfScope], view: EventView, *, plain: bool
) -> list[tuple[_PrefilteredRule, tuple[bool, ...]]]:
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


class _LiteralIndex:
    """Finds literals in a text; kinds of events with the same literals share it."""

    __slots__ = ("__weakref__", "_automaton")

    def __init__(self, literals: Sequence[str]) -> None:
        self._automaton = BytesAhoCorasick(
            [_encoded(literal) for literal in literals],
            implementation=Implementation.DFA if len(literals) <= _MAX_TABLE else Implementation.ContiguousNFA,
        )

    def literals_in(self, text: str) -> set[int]:
        """Return the numbers of the literals that a text contains."""
        matches = self._automaton.find_matches_as_indexes(_encoded(text), overlapping=True)
        return {number for number, _, _ in matches}


_LiteralIndexes = WeakValueDictionary[tuple[str, ...], _LiteralIndex]
"""The indexes that some kind of events uses, by their literals."""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # events may contain half a surrogate pair
