"""The search for many literals at once, and the rules that require them."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakValueDictionary

from ahocorasick_rs import BytesAhoCorasick, Implementation

from watcher.match.event_view import FieldRequest, encoded
from watcher.match.required_literals import Requirement

_MAX_TABLE = 800  # literals: a table finds them twice as fast, but one of 7,000 literals takes 60 MB
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
    """Finds literals in a text; kinds of events with the same literals share it."""

    __slots__ = ("__weakref__", "_automaton")

    def __init__(self, literals: Sequence[str]) -> None:
        self._automaton = BytesAhoCorasick(
            [encoded(literal) for literal in literals],
            implementation=Implementation.DFA if len(literals) <= _MAX_TABLE else Implementation.ContiguousNFA,
        )

    def literals_in(self, text: bytes) -> frozenset[int]:
        """Return the numbers of the literals that a text contains."""
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        return frozenset([number for number, _, _ in matches]) if matches else _NO_LITERALS


LiteralIndexes = WeakValueDictionary[tuple[str, ...], LiteralIndex]
"""The indexes that some kind of events uses, by their literals."""
