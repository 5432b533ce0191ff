"""Many rules on many events: each event meets only the rules that its channel, its code and its strings allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from watcher.errors import Undecided
from watcher.match.event_view import EventView, encoded
from watcher.match.literal_index import LiteralIndex, LiteralIndexes, NumberedLiterals
from watcher.match.matchers import fold_loosely
from watcher.match.predicate import EventPredicate, Predicate, readings
from watcher.match.required_literals import Requirement, Selectivity, canonical, codes, requirements, selectivity
from watcher.model import ConditionNode, Event, Rule
from watcher.taxonomy.logsources import LogSourceEvents

_MAX_KINDS = 1024

_TRIAL = 256  # events of a kind, after which rules that were evaluated too often get more required literals
_OFTEN = 32  # of these events that a rule did not match

_Prefilter = tuple[frozenset[str] | None, Requirement | None, tuple[Requirement, ...]]
"""The only event codes that a rule matches (None: any), and literals of which every matching event holds one.

The first requirement is met most rarely, as far as a rule alone shows; then come the others.
"""


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
    others: tuple[Requirement, ...]
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
        self._indexes: LiteralIndexes = LiteralIndexes() if before is None else before._indexes  # noqa: SLF001

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
    every = requirements(node, literal_selectivity)
    best = literal_selectivity.best(every)
    return codes(node), best, tuple(requirement for requirement in every if requirement is not best)


class _EventKind:
    """The rules that may match events of one channel and code, behind a search for their required literals.

    One required literal of each rule is searched at first. What events hold shows which of them are common: rules that
    were evaluated often and matched seldom are then evaluated only where the event meets all of their requirements.
    """

    def __init__(
        self,
        rules: Iterable[tuple[_PrefilteredRule, tuple[bool, ...]]],
        view: EventView,
        indexes: LiteralIndexes,
    ) -> None:
        self._prefiltered = tuple(rules)
        self._rules = [prefiltered.compiled.rule for prefiltered, _ in self._prefiltered]
        self._predicates: list[EventPredicate | None] = [None] * len(self._rules)  # None: no event asked for it
        self._indexes = indexes
        self._seen = 0
        self._failures: Counter[int] | None = Counter()  # evaluations without a match; None: the trial is over
        self._prepare(view, frozenset())

    def _prepare(self, view: EventView, guarded: frozenset[int]) -> None:
        """Prepare the search; the numbers are those of the rules of which all requirements are searched."""
        self._unfiltered = [number for number, (rule, _) in enumerate(self._prefiltered) if rule.requirement is None]
        literals = NumberedLiterals()
        self._guards: dict[int, tuple[frozenset[int], ...]] = {}
        for number, (rule, process_audits) in enumerate(self._prefiltered):
            if rule.requirement is not None:
                literals.add(rule.requirement, process_audits, number)
            if number in guarded:
                self._guards[number] = tuple(literals.add(other, process_audits) for other in rule.others)
        rebuilt = (field for request in literals.requests for field in view.rebuilt_fields(request))
        self._rebuilt = tuple(dict.fromkeys(rebuilt))
        self._rules_by_literal = tuple(map(tuple, literals.rules.values()))
        texts = tuple(literals.rules)
        self._index = self._indexes.get(texts) or self._indexes.setdefault(texts, LiteralIndex(texts))

    def _observe(self, view: EventView, failures: Counter[int], failed: Iterable[int]) -> None:
        """Count the rules that did not match an event of the trial; at its end, search more literals."""
        failures.update(failed)
        if self._seen < _TRIAL:
            return
        self._failures = None
        often = (number for number, count in failures.items() if count >= _OFTEN)
        guarded = frozenset(number for number in often if self._prefiltered[number][0].others)
        if guarded:
            self._prepare(view, guarded)

    def verdict(self, view: EventView, undecided_before: Collection[tuple[str, str]]) -> Verdict:
        candidates = self._candidates(view)
        self._seen += 1
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
        if self._failures is not None:
            self._observe(view, self._failures, set(candidates).difference(matching, undecided))
        if not matching and not undecided:
            return _NO_RULES
        return Verdict(rules=self._numbered(matching), undecided=self._numbered(undecided), reasons=reasons)

    def _version(self, number: int) -> tuple[str, str]:
        return self._rules[number].id, self._rules[number].hash

    def _numbered(self, numbers: list[int]) -> tuple[Rule, ...]:
        """Return rules in the order in which they were given: that of the candidates differs between processes."""
        return tuple([self._rules[number] for number in sorted(numbers)])

    def _compile(self, number: int) -> EventPredicate:
        rule, process_audits = self._prefiltered[number]
        matches = self._predicates[number] = rule.compiled.predicate.compiled(process_audits)
        return matches

    def _candidates(self, view: EventView) -> Iterable[int]:
        """Return the numbers of the rules of which the event holds a required literal, or that require none."""
        if not self._rules_by_literal:
            return self._unfiltered
        text = view.searched_text()
        if self._rebuilt:
            values = [value for rebuilt in self._rebuilt for value in view.rebuild(rebuilt)]
            if values:
                text = b"\0".join((text, *(encoded(fold_loosely(value)) for value in values)))
        literals = self._index.literals_in(text)
        if not literals:
            return self._unfiltered
        rules_by_literal = self._rules_by_literal
        candidates = set(self._unfiltered)
        for literal in literals:
            candidates.update(rules_by_literal[literal])
        for number in candidates.intersection(self._guards):
            if any(map(literals.isdisjoint, self._guards[number])):
                candidates.discard(number)
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
