"""Strings with wildcards → a function on one value, in time linear in the value.

Between two `*` a pattern has chunks of a fixed length. The leftmost place of each chunk is always as good as any
other, so nothing is tried twice. Regular expressions with `.*` in the middle would try every combination. A chunk with
`?` or dashes is tried where its longest literal is, if that is long. Otherwise an expression tries each place; if chunk
and value are long, a search looks at each character once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from watcher.errors import Undecided
from watcher.match.fixed_chunks import FindChunk, linear_search
from watcher.model import DASHES, Wildcard

_DASH = f"[{re.escape(DASHES)}]"
QUICK = 4_000_000
"""Steps (characters of a value times those of a chunk) that a search may take which compares each place: some 20 ms."""
_LONG_LITERAL = 8  # characters; a value can repeat shorter ones too often
_MOST = 800_000_000  # steps of the linear search, many at a time: 0.1 s


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """What is between two `*`: its length in characters, and how a value is searched for it."""

    length: int
    find: FindChunk
    is_at: Callable[[str, int], bool]  # value, position → whether the chunk begins there


def wildcard_matcher(parts: Sequence[str | Wildcard]) -> Callable[[str], bool]:
    """Create the function that compares an entire value with a pattern."""
    chunks = tuple(map(_chunk, _split(parts)))
    first, last = chunks[0], chunks[-1]
    if len(chunks) == 1:
        return lambda value: len(value) == first.length and first.is_at(value, 0)
    inner = tuple((chunk.find, chunk.length) for chunk in chunks[1:-1] if chunk.length)
    shortest = sum(chunk.length for chunk in chunks)

    def matches(value: str) -> bool:
        end = len(value) - last.length
        if len(value) < shortest or not first.is_at(value, 0) or not last.is_at(value, end):
            return False
        position = first.length
        for find, length in inner:
            position = find(value, position, end)
            if position < 0:
                return False
            position += length
        return True

    return matches


def longest_chunk(parts: Sequence[str | Wildcard]) -> int:
    """Return the length of the longest chunk between two `*` that holds other wildcards; 0 where none does."""
    chunks = (chunk for chunk in _split(parts) if any(isinstance(part, Wildcard) for part in chunk))
    return max(map(_length, chunks), default=0)


def _length(parts: Sequence[str | Wildcard]) -> int:
    return sum(len(part) if not isinstance(part, Wildcard) else 1 for part in parts)


def _split(parts: Sequence[str | Wildcard]) -> Iterator[tuple[str | Wildcard, ...]]:
    """Yield what is before, between and behind the `*`."""
    chunk: list[str | Wildcard] = []
    for part in parts:
        if part is Wildcard.ANY:
            yield tuple(chunk)
            chunk = []
        else:
            chunk.append(part)
    yield tuple(chunk)


def _chunk(parts: Sequence[str | Wildcard]) -> _Chunk:
    length = _length(parts)
    if not any(isinstance(part, Wildcard) for part in parts):
        literal = "".join(map(str, parts))
        return _Chunk(
            length=length,
            find=lambda value, start, end: value.find(literal, start, end),
            is_at=lambda value, position: value.startswith(literal, position),
        )
    pattern = re.compile("".join(map(_as_regex, parts)), re.DOTALL)
    literal, offset = _longest_literal(parts)
    any_place, most_tries = _search_of_any_place(parts, pattern), QUICK // length

    def find(value: str, start: int, end: int) -> int:
        _refuse_longer(value, length)
        place = start + offset
        for _ in range(min(most_tries, len(value) // len(literal))):  # as often as a value can hold it side by side
            place = value.find(literal, place, end)
            if place < 0:
                return -1
            if pattern.match(value, place - offset, end) is not None:
                return place - offset
            place += 1
        return any_place(value, place - offset, end)

    return _Chunk(
        length=length,
        find=find if len(literal) >= _LONG_LITERAL else any_place,
        is_at=lambda value, position: pattern.match(value, position) is not None,
    )


def _longest_literal(parts: Sequence[str | Wildcard]) -> tuple[str, int]:
    """Return the longest text without wildcards, and where it begins in the chunk."""
    literals: list[tuple[str, int]] = [("", 0)]
    position = 0
    for part in parts:
        if isinstance(part, Wildcard):
            position += 1
            continue
        literals.append((part, position))
        position += len(part)
    return max(literals, key=lambda literal: len(literal[0]))


def _search_of_any_place(parts: Sequence[str | Wildcard], pattern: re.Pattern[str]) -> FindChunk:
    """Create the function that finds a chunk whatever its literals are, and however often a value repeats them."""
    length, long_search = _length(parts), linear_search(parts)

    def find(value: str, start: int, end: int) -> int:
        _refuse_longer(value, length)
        if len(value) * length > QUICK:
            return long_search(value, start, end)
        match = pattern.search(value, start, end)
        return -1 if match is None else match.start()

    return find


def _refuse_longer(value: str, length: int) -> None:
    if len(value) * length > _MOST:  # of the entire value: many chunks of a pattern share the time
        raise Undecided(
            f"a pattern with {length} characters and `?` is not searched in a value of {len(value)} characters"
        )


def _as_regex(part: str | Wildcard) -> str:
    if not isinstance(part, Wildcard):
        return re.escape(part)
    return _DASH if part is Wildcard.DASH else "."
