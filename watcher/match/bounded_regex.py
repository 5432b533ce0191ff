"""Searching values by regular expressions, in bounded time.

RE2 searches in linear time, so what it can say is searched by it. Look-around, references to groups and the like need
backtracking: there each value gets a share of a time limit, and beyond it the event is undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from watcher.errors import Undecided
from watcher.match.regex_dialects import ASCII, COMMON, RE2, REGEX, UNICODE, Inexpressible, translate
from watcher.model import SigmaRegex

LIMIT = 0.05
"""Seconds in which an expression must decide about one field of an event."""
LINEAR = 100_000_000
"""Steps (instructions of RE2 times bytes) that RE2 may be asked for: about 100 ms where it is slowest."""
_LEAST = 0.001  # seconds that a value gets, however many there are
_MOST_MEMORY = 16_777_216  # bytes of a compiled expression of RE2, with its cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Automaton:
    """An expression that RE2 compiled."""

    search: Callable[[bytes], object]
    size: int  # instructions


class BoundedSearch:
    """Searches values by one expression; what an engine needs is compiled when the first value asks for it."""

    def __init__(self, regex: SigmaRegex) -> None:
        self.regex = regex
        self._ascii = _Engines(regex, ASCII)
        self._common = _Engines(regex, COMMON)
        self._unicode = _Engines(regex, UNICODE)

    def __call__(self, value: str, limit: float = LIMIT) -> bool:
        """Return whether the expression matches anywhere in the value; raises Undecided beyond the limit."""
        engines = self._engines(value)
        automaton = engines.automaton
        if automaton is not None:
            encoded = value.encode("utf-8", "surrogatepass")
            if len(encoded) * automaton.size <= LINEAR:
                return automaton.search(encoded) is not None
        return engines.backtrack(value, limit)

    def _engines(self, value: str) -> _Engines:
        if value.isascii():
            return self._ascii
        return self._common if ord(max(value)) < COMMON else self._unicode

    @property
    def automaton(self) -> Automaton | None:
        """Return what RE2 made of the expression for ASCII; None where it needs backtracking."""
        return self._ascii.automaton


def share(values: Sequence[str]) -> float:
    """Return the seconds that each of several values gets."""
    return LIMIT if len(values) < 2 else max(LIMIT / len(values), _LEAST)


@dataclass
class _Engines:
    """The expression for values of an alphabet, compiled for both engines."""

    regex: SigmaRegex
    alphabet: int  # how many code points the values are of

    @cached_property
    def automaton(self) -> Automaton | None:
        import re2  # noqa: PLC0415 - only where rules hold expressions

        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        options.max_mem = _MOST_MEMORY
        try:
            compiled = re2.compile(translate(self.regex, RE2, self.alphabet), options)
        except (Inexpressible, re2.error):
            return None
        return Automaton(search=compiled.search, size=compiled.programsize)

    @cached_property
    def _backtracking(self) -> Callable[..., object]:
        import regex  # noqa: PLC0415 - only where an expression needs it

        search: Callable[..., object] = regex.compile(translate(self.regex, REGEX, self.alphabet), regex.V0).search
        return search

    def backtrack(self, value: str, limit: float) -> bool:
        """Return whether the expression matches, by backtracking; raises Undecided beyond the limit."""
        try:
            return self._backtracking(value, timeout=limit) is not None
        except (TimeoutError, MemoryError) as fault:
            raise Undecided(
                f"the expression `{self.regex.pattern}` did not decide about a value of {len(value)} characters "
                f"within {limit * 1000:.0f} ms"
            ) from fault
