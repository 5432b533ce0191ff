"""The search for many literals at once, and the rules that require them."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakValueDictionary

from ahocorasick_rs import BytesAhoCorasick, Implementation

from watcher.match.event_view import FieldRequest, encoded
from watcher.match.required_literals import Requirement

_MAX_TABLE = 800  # literals: a table takes five times as long to build, and one of 7,000 literals takes 60 MB
_NO_LITERALS = frozenset[int]()


class NumberedLiterals:
    """Required literals that are searched together, each with the rules that require it."""

    __slots__ = ("_numbers", "requests", "rules")

    def __init__(self) -> None:
        self.rules: dict[str, dict[int, None]] = {}
        self.requests: dict[FieldRequest, None] = {}  # their fields: some values are not in the event's text
        self._numbers: dict[str, int] = {}

    def add(self, requirement: Requirement, process_audits: Sequence[bool], rule: int | None = None) -> frozenset[int]:
        """Add the literals of a requirement and the number of the rule that they select; returns their numbers."""
        numbers = []
        for path, text in requirement.literals:
            numbers.append(self._numbers.setdefault(text, len(self._numbers)))
            rules = self.rules.setdefault(text, {})
            if rule is not None:
                rules[rule] = None
            for process_audit in process_audits:
                self.requests[path, process_audit] = None
        return frozenset(numbers)


class LiteralIndex:
    """Finds literals in a text."""

    __slots__ = ("__weakref__", "_automaton")

    def __init__(self, literals: Sequence[str], implementation: Implementation) -> None:
        self._automaton = BytesAhoCorasick(map(encoded, literals), implementation=implementation)

    def literals_in(self, text: bytes) -> frozenset[int]:
        """Return the numbers of the literals that a text contains."""
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        return frozenset([number for number, _, _ in matches]) if matches else _NO_LITERALS


_SharedIndexes = WeakValueDictionary[tuple[str, ...], LiteralIndex]


class LiteralIndexes:
    """The indexes that some kind of events uses; kinds with the same literals share one."""

    __slots__ = ("_fast", "_soon")

    def __init__(self) -> None:
        self._soon: _SharedIndexes = WeakValueDictionary()
        self._fast: _SharedIndexes = WeakValueDictionary()

    def soon(self, literals: tuple[str, ...]) -> LiteralIndex:
        """Return an index that is built soon, for the texts of few events."""
        return _shared(self._soon, literals, Implementation.ContiguousNFA)

    def fast(self, literals: tuple[str, ...]) -> LiteralIndex:
        """Return an index that searches twice as fast, where a table of its literals is not too large."""
        if len(literals) > _MAX_TABLE:
            return self.soon(literals)
        return _shared(self._fast, literals, Implementation.DFA)


def _shared(indexes: _SharedIndexes, literals: tuple[str, ...], implementation: Implementation) -> LiteralIndex:
    return indexes.get(literals) or indexes.setdefault(literals, LiteralIndex(literals, implementation))
