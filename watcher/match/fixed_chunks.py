"""Finding a chunk of fixed length with `?` or dashes in a value: each character of the value is looked at once.

The state is a number with a bit for each place in the chunk that may end at the current character (Shift-And).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache

from watcher.model import DASHES, Wildcard

FindChunk = Callable[[str, int, int], int]
"""Value, start, end → where the chunk begins; -1: nowhere."""


def linear_search(parts: Sequence[str | Wildcard]) -> FindChunk:
    """Create the function that finds the first place of a chunk without `*`; it is prepared when it is needed."""
    prepared = cache(lambda: _masks(parts))

    def find(value: str, start: int, end: int) -> int:
        anything, masks, length = prepared()
        mask_of, last, state = masks.get, 1 << (length - 1), 0
        for position, character in enumerate(value[start:end], start=start):
            state = (state << 1 | 1) & mask_of(character, anything)
            if state & last:
                return position - length + 1
        return -1

    return find


def _masks(parts: Sequence[str | Wildcard]) -> tuple[int, dict[str, int], int]:
    """Return the places of `?`, the places of each other character, and the length of the chunk."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    anywhere: list[int] = []
    length = 0
    for part in parts:
        if part is Wildcard.ONE:
            anywhere.append(length)
            length += 1
            continue
        if part is Wildcard.DASH:
            for dash in DASHES:
                places[dash].append(length)
            length += 1
            continue
        for character in str(part):
            places[character].append(length)
            length += 1
    anything = _bits(anywhere, length)
    return anything, {character: anything | _bits(numbers, length) for character, numbers in places.items()}, length


def _bits(numbers: Sequence[int], length: int) -> int:
    """Return a number with the bits of some places, in time linear in the length."""
    written = bytearray(length // 8 + 1)
    for number in numbers:
        written[number // 8] |= 1 << number % 8
    return int.from_bytes(written, "little")
