"""Strings whose pattern is too complex for an engine → strings that match more values.

An engine makes a deterministic automaton of each pattern, and refuses a pattern that takes too much work. Behind an
`*` each `?` may double the states. A refused query would cost more than a weaker one: all events of the log source
would be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from watcher.model import SigmaString, Wildcard

_MAX_EFFORT = 20_000  # Lucene refuses 100,000: positions of the pattern, summed over the states of its automaton
_MAX_SIMPLE_LENGTH = 200  # characters; a shorter pattern with few `?` is always accepted
_MAX_SIMPLE_ONES = 2
_KEPT_LITERAL = 100  # characters that are kept of each literal part, where single characters are not the cause
_CACHE_SIZE = 20_000

_Parts = tuple[str | Wildcard, ...]


@lru_cache(maxsize=_CACHE_SIZE)
def accepted_string(string: SigmaString) -> SigmaString:
    """Return a string whose pattern the engines accept: the same, or one that matches more values.

    Runs of `?` behind the first `*` become `*`, the longest first and as few as needed.
    """
    parts = string.parts
    if _is_simple(parts) or _is_accepted(parts, cased=string.cased):
        return string
    runs = _runs_of_ones(parts)
    replaced = 1
    while replaced < 2 * len(runs):
        weaker = _without_runs(parts, runs[:replaced])
        if _is_accepted(weaker, cased=string.cased):
            return SigmaString(weaker, string.cased)
        replaced *= 2
    shortest = _shortened(_without_runs(parts, runs))
    accepted = shortest if _is_accepted(shortest, cased=string.cased) else (Wildcard.ANY,)
    return SigmaString(accepted, string.cased)


def _is_simple(parts: _Parts) -> bool:
    """Whether a pattern is so small that its automaton need not be built to know its size."""
    behind = _behind_any(parts)
    ones = sum(part is Wildcard.ONE for part in behind)
    return ones <= _MAX_SIMPLE_ONES and sum(map(_length, behind)) <= _MAX_SIMPLE_LENGTH


def _behind_any(parts: _Parts) -> _Parts:
    """Return the parts from the first `*` on; what is before it has one state for each character."""
    return parts[parts.index(Wildcard.ANY) :] if Wildcard.ANY in parts else ()


def _length(part: str | Wildcard) -> int:
    return 1 if isinstance(part, Wildcard) else len(part)


def _is_accepted(parts: _Parts, *, cased: bool) -> bool:
    """Whether the deterministic automaton of a pattern takes less work than the limit."""
    tokens: list[str | Wildcard] = []
    for part in _behind_any(parts):
        tokens.extend((part,) if isinstance(part, Wildcard) else (part if cased else part.lower()))
    return _PatternAutomaton(tokens).effort_is_within(_MAX_EFFORT)


class _PatternAutomaton:
    """The automaton of a pattern; a state is the set of positions that a value may have reached, as bits."""

    __slots__ = ("_any", "_literals", "_ones", "_tokens")

    def __init__(self, tokens: Sequence[str | Wildcard]) -> None:
        self._tokens = tokens
        self._literals: dict[str, int] = {}
        self._any = self._ones = 0
        for position, token in enumerate(tokens):
            bit = 1 << position
            if token is Wildcard.ANY:
                self._any |= bit
            elif isinstance(token, Wildcard):
                self._ones |= bit
            else:
                self._literals[token] = self._literals.get(token, 0) | bit

    def effort_is_within(self, limit: int) -> bool:
        """Build the states, and stop where they hold more positions than a limit."""
        start = self._closure(1)
        states, waiting, effort = {start}, [start], 0
        while waiting:
            state = waiting.pop()
            effort += state.bit_count()
            if effort > limit:
                return False
            for target in self._targets(state):
                if target not in states:
                    states.add(target)
                    waiting.append(target)
        return True

    def _targets(self, state: int) -> list[int]:
        """Return the states after any character that some position asks for, and after any other character."""
        stays, passes = state & self._any, (state & self._ones) << 1
        moved = stays | passes
        literals = (state & bits for bits in self._literals.values())
        return [self._closure(moved), *(self._closure(moved | reached << 1) for reached in literals if reached)]

    def _closure(self, state: int) -> int:
        """Add the positions behind each `*`, which may be empty."""
        while (closed := state | (state & self._any) << 1) != state:
            state = closed
        return state


def _runs_of_ones(parts: _Parts) -> list[range]:
    """Return where runs of `?` are behind the first `*`, the longest first."""
    start = len(parts) - len(_behind_any(parts))
    runs: list[range] = []
    for position in range(start, len(parts)):
        if parts[position] is Wildcard.ONE:
            begins = runs.pop().start if runs and runs[-1].stop == position else position
            runs.append(range(begins, position + 1))
    return sorted(runs, key=len, reverse=True)


def _without_runs(parts: _Parts, runs: Sequence[range]) -> _Parts:
    """Return parts with an `*` in the place of each run, and no `*` beside another."""
    replaced = {position for run in runs for position in run}
    weaker: list[str | Wildcard] = []
    for position, part in enumerate(parts):
        changed = Wildcard.ANY if position in replaced else part
        if changed is not Wildcard.ANY or weaker[-1:] != [Wildcard.ANY]:
            weaker.append(changed)
    return tuple(weaker)


def _shortened(parts: _Parts) -> _Parts:
    """Return parts with the start of each literal behind the first `*`: `AAAA…` has many positions in each state."""
    start = len(parts) - len(_behind_any(parts))
    shortened: list[str | Wildcard] = list(parts[:start])
    for part in parts[start:]:
        if isinstance(part, str) and len(part) > _KEPT_LITERAL:
            shortened += [part[:_KEPT_LITERAL], Wildcard.ANY]
        elif part is not Wildcard.ANY or shortened[-1:] != [Wildcard.ANY]:
            shortened.append(part)
    return tuple(shortened)
