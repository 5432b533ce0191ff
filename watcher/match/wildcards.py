"""Strings with wildcards → a function on one value, in time linear in the value.

Between two `*` a pattern has chunks of a fixed length. The leftmost place of each chunk is always as good as any
other, so nothing is tried twice. Regular expressions with `.*` in the middle would try every combination.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from watcher.model import DASHES, Wildcard

_DASH = f"[{re.escape(DASHES)}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """What is between two `*`: its length in characters, and how a value is searched for it."""

    length: int
    find: Callable[[str, int, int], int]  # value, start, end → where the chunk begins; -1: nowhere
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
    length = sum(len(part) if not isinstance(part, Wildcard) else 1 for part in parts)
    if not any(isinstance(part, Wildcard) for part in parts):
        literal = "".join(map(str, parts))
        return _Chunk(
            length=length,
            find=lambda value, start, end: value.find(literal, start, end),
            is_at=lambda value, position: value.startswith(literal, position),
        )
    pattern = re.compile("".join(map(_as_regex, parts)), re.DOTALL)

    def find(value: str, start: int, end: int) -> int:
        match = pattern.search(value, start, end)
        return -1 if match is None else match.start()

    return _Chunk(
        length=length,
        find=find,
        is_at=lambda value, position: pattern.match(value, position) is not None,
    )


def _as_regex(part: str | Wildcard) -> str:
    if not isinstance(part, Wildcard):
        return re.escape(part)
    return _DASH if part is Wildcard.DASH else "."
