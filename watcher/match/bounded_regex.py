"""Searching values by regular expressions, in bounded time.

RE2 searches in linear time, so what it can say is searched by it. Where the states of an expression do not fit into its
memory, it takes a hundred times as long. So long values are first tried piece by piece. Letters outside ASCII are
replaced before by few that stand for all that the expression treats alike, else its automaton would be a hundred times
as large. Look-around, references to groups and the like need backtracking: there each value gets a share of a time
limit, and beyond it the event is undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from time import thread_time
from typing import Protocol

from watcher.errors import Undecided
from watcher.match.reduced_alphabet import ReducedAlphabet
from watcher.match.regex_dialects import (
    ASCII,
    COMMON,
    RE2,
    REGEX,
    UNICODE,
    Alphabet,
    FirstCodePoints,
    Inexpressible,
    translate,
)
from watcher.model import SigmaRegex

LIMIT = 0.05
"""Seconds in which an expression must decide about one field of an event."""
LINEAR = 100_000_000
"""Steps (instructions of RE2 times bytes) that RE2 may be asked for: some 10 ms of it."""
_QUICK = 1_000_000  # steps that need no trial: 25 ms where the states of an expression do not fit into RE2's memory
_TRIED = 1_000  # instructions of an expression whose pieces show how long it takes; known rules have up to 825
_TRIAL = 0.5  # of the time limit that the pieces may take
_LEAST = 0.001  # seconds that a value gets, however many there are
_MOST_MEMORY = 33_554_432  # bytes of a compiled expression of RE2, with its states; half is too little for some


@dataclass(frozen=True, slots=True, kw_only=True)
class Automaton:
    """An expression that RE2 compiled."""

    search: Callable[[bytes], object]
    size: int  # instructions

    def is_quick(self, length: int) -> bool:
        """Return whether every value of a length is searched quickly."""
        return length * self.size <= _QUICK

    def may_bear(self, length: int) -> bool:
        """Return whether values of a length are searched, except those that keep the expression busy."""
        steps = length * self.size
        return steps <= _QUICK or (steps <= LINEAR and self.size <= _TRIED)

    def bears(self, encoded: bytes, limit: float) -> bool:
        """Return whether a value is searched within about a time limit: its pieces are, one after another.

        What an expression remembers of a value is no longer than itself, so pieces of that length take as long, byte
        by byte, as the entire value.
        """
        steps, quick = len(encoded) * self.size, _QUICK * limit / LIMIT
        if steps <= quick or steps > LINEAR or self.size > _TRIED:
            return steps <= quick
        length = max(int(quick) // self.size, self.size)
        end = thread_time() + limit * _TRIAL
        for start in range(0, len(encoded), length):
            self.search(encoded[start : start + length])
            if thread_time() > end:
                return False
        return True


class BoundedSearch:
    """Searches values by one expression; what an engine needs is compiled when the first value asks for it."""

    def __init__(self, regex: SigmaRegex) -> None:
        self.regex = regex
        self._reduced = _ReducedSearch(regex)
        self._common = _Backtracking(regex, COMMON)
        self._unicode = _Backtracking(regex, UNICODE)

    def __call__(self, value: str, limit: float = LIMIT) -> bool:
        """Return whether the expression matches anywhere in the value; raises Undecided beyond the limit."""
        if value.isascii():
            automaton, encoded = self.automaton, value.encode("ascii")
        else:
            automaton, encoded = self._reduced(value)
        if automaton is not None and automaton.bears(encoded, limit):
            return automaton.search(encoded) is not None
        return self._backtracking(value)(value, limit)

    def span(self, value: str, limit: float = LIMIT) -> tuple[int, int] | None:
        """Return start and end of the first match; None without one. Raises Undecided beyond the limit."""
        return self._backtracking(value).span(value, limit)

    def _backtracking(self, value: str) -> _Backtracking:
        return self._common if not value or ord(max(value)) < COMMON else self._unicode

    @cached_property
    def automaton(self) -> Automaton | None:
        """Return what RE2 made of the expression for ASCII; None where it needs backtracking."""
        return compile_automaton(self.regex, FirstCodePoints(ASCII))


def share(values: Sequence[str]) -> float:
    """Return the seconds that each of several values gets."""
    return LIMIT if len(values) < 2 else max(LIMIT / len(values), _LEAST)


def compile_automaton(regex: SigmaRegex, alphabet: Alphabet) -> Automaton | None:
    """Compile an expression for values of an alphabet; None where it needs backtracking."""
    import re2  # noqa: PLC0415 - only where rules hold expressions

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # a byte per character: the automaton is smaller
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MOST_MEMORY
    try:
        compiled = re2.compile(translate(regex, RE2, alphabet).encode("ascii"), options)
    except (Inexpressible, re2.error):
        return None
    return Automaton(search=compiled.search, size=compiled.programsize)


class _ReducedSearch:
    """Compiles the expression for the letters that values outside ASCII are reduced to, and for more as they come."""

    def __init__(self, regex: SigmaRegex) -> None:
        self._regex = regex
        self._alphabet = ReducedAlphabet()
        self._automata: dict[int, Automaton | None] = {}  # by the number of letters
        self._lock = Lock()  # several searches may run at once

    def __call__(self, value: str) -> tuple[Automaton | None, bytes]:
        """Return the automaton for a value, and the reduced value; None where it needs backtracking."""
        with self._lock:
            if self._automaton(0) is None:  # which also shows the tests of the expression to the alphabet
                return None, b""
            reduced = self._alphabet.reduce(value)
            return (None, b"") if reduced is None else (self._automaton(self._alphabet.count), reduced)

    def _automaton(self, count: int) -> Automaton | None:
        if count not in self._automata:
            self._automata[count] = compile_automaton(self._regex, self._alphabet)
        return self._automata[count]


class _Match(Protocol):
    """What the search of an expression returns."""

    def span(self) -> tuple[int, int]:
        """Return start and end."""
        ...


@dataclass
class _Backtracking:
    """The expression for values of the first code points, searched with a time limit."""

    regex: SigmaRegex
    size: int

    @cached_property
    def _search(self) -> Callable[..., _Match | None]:
        import regex  # noqa: PLC0415 - only where an expression needs it

        pattern = translate(self.regex, REGEX, FirstCodePoints(self.size))
        search: Callable[..., _Match | None] = regex.compile(pattern, regex.V0).search
        return search

    def __call__(self, value: str, limit: float) -> bool:
        """Return whether the expression matches; raises Undecided beyond the limit."""
        return self.span(value, limit) is not None

    def span(self, value: str, limit: float) -> tuple[int, int] | None:
        """Return start and end of the first match; None without one. Raises Undecided beyond the limit."""
        try:
            match = self._search(value, timeout=limit)
            return None if match is None else match.span()
        except (TimeoutError, MemoryError) as fault:
            raise Undecided(
                f"the expression `{self.regex.pattern}` did not decide about a value of {len(value)} characters "
                f"within {limit * 1000:.0f} ms"
            ) from fault
