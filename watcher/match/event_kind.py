"""The rules for events of one channel and code, and what such events meet before a rule is evaluated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from watcher.errors import Undecided
from watcher.match.compiled_rule import PrefilteredRule, Verdict
from watcher.match.event_view import EventView, encoded
from watcher.match.literal_index import LiteralIndexes, NumberedLiterals
from watcher.match.matchers import fold_loosely
from watcher.match.paths_read import fields_read, paths_read
from watcher.match.predicate import EventPredicate
from watcher.model import Rule

_TRIAL = 64  # events of a kind, after which it is frequent, and what they showed is used
_OFTEN = 8  # of these events that a rule did not match

_MAX_COMBINATIONS = 1024  # of literals, of which the candidates are remembered

_NO_RULES = Verdict()


class EventKind:
    """The rules that may match events of one channel and code, behind a search for their required literals.

    One required literal of each rule is searched at first. What events hold shows which of them are common: rules that
    were evaluated often and matched seldom are then evaluated only where the event meets all of their requirements.
    Most kinds come seldom: a search that is fast is prepared after the trial.
    """

    def __init__(
        self,
        rules: Iterable[tuple[PrefilteredRule, tuple[bool, ...]]],
        view: EventView,
        indexes: LiteralIndexes,
    ) -> None:
        self._prefiltered = tuple(rules)
        self._rules = [prefiltered.compiled.rule for prefiltered, _ in self._prefiltered]
        self._predicates: list[EventPredicate | None] = [None] * len(self._rules)  # None: no event asked for it
        self._indexes = indexes
        self._seen = 0
        self._failures: Counter[int] | None = Counter()  # evaluations without a match; None: the trial is over
        self._literals = self._prepare(view, frozenset())
        self._index = indexes.soon(self._literals)

    def _prepare(self, view: EventView, guarded: frozenset[int]) -> tuple[str, ...]:
        """Prepare the search, and return its literals.

        The numbers are those of the rules of which all requirements are searched.
        """
        self._unfiltered = [number for number, (rule, _) in enumerate(self._prefiltered) if rule.requirement is None]
        literals = NumberedLiterals()
        self._guards: dict[int, tuple[frozenset[int], ...]] = {}
        self._by_literals: dict[frozenset[int], tuple[int, ...]] = {}  # candidates of events that were seen
        for number, (rule, process_audits) in enumerate(self._prefiltered):
            if rule.requirement is not None:
                literals.add(rule.requirement, process_audits, number)
            if number in guarded:
                self._guards[number] = tuple(literals.add(other, process_audits) for other in rule.others)
        rebuilt = (field for request in literals.requests for field in view.rebuilt_fields(request))
        self._rebuilt = tuple(dict.fromkeys(rebuilt))
        self._rules_by_literal = tuple(map(tuple, literals.rules.values()))
        return tuple(literals.rules)

    def _end_trial(self, view: EventView, failures: Counter[int]) -> None:
        """Search more literals of the rules that were evaluated too often, and prepare a fast search."""
        self._failures = None
        often = (number for number, count in failures.items() if count >= _OFTEN)
        guarded = frozenset(number for number in often if self._prefiltered[number][0].others)
        if guarded:
            self._literals = self._prepare(view, guarded)
        self._index = self._indexes.fast(self._literals)

    def verdict(self, view: EventView, undecided_before: Collection[tuple[str, str]] = ()) -> Verdict:
        """Return what the rules say about an event of this kind; `Ruleset.verdict` explains the parameters."""
        if self._failures is not None and self.is_frequent:
            self._end_trial(view, self._failures)
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
            self._failures.update(set(candidates).difference(matching, undecided))
        if not matching and not undecided:
            return _NO_RULES
        return Verdict(rules=self._numbered(matching), undecided=self._numbered(undecided), reasons=reasons)

    @property
    def is_frequent(self) -> bool:
        """Whether so many events came that it pays to know what rules read of them."""
        return self._seen >= _TRIAL

    def paths_read(self, view: EventView) -> frozenset[str]:
        """Return the paths that the rules read of an event of this kind."""
        requests = {
            (field, process_audit)
            for rule, process_audits in self._prefiltered
            for field in fields_read(rule.compiled.rule.node)
            for process_audit in process_audits
        }
        return paths_read(requests, view)

    def _version(self, number: int) -> tuple[str, str]:
        return self._rules[number].id, self._rules[number].hash

    def _numbered(self, numbers: list[int]) -> tuple[Rule, ...]:
        """Return rules in the order in which they were given: that of the candidates differs between processes."""
        return tuple([self._rules[number] for number in sorted(numbers)])

    def _compile(self, number: int) -> EventPredicate:
        rule, process_audits = self._prefiltered[number]
        matches = self._predicates[number] = rule.compiled.predicate.compiled(process_audits)
        return matches

    def _candidates(self, view: EventView) -> Sequence[int]:
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
        candidates = self._by_literals.get(literals)
        if candidates is None:
            if len(self._by_literals) >= _MAX_COMBINATIONS:  # whoever writes events may combine any literals
                self._by_literals.clear()
            candidates = self._by_literals[literals] = tuple(self._selected(literals))
        return candidates

    def _selected(self, literals: frozenset[int]) -> Iterable[int]:
        candidates = set(self._unfiltered)
        for literal in literals:
            candidates.update(self._rules_by_literal[literal])
        for number in candidates.intersection(self._guards):
            if any(map(literals.isdisjoint, self._guards[number])):
                candidates.discard(number)
        return candidates
