"""Where in a value of an event the parts are that a value of a rule asks for.

They are for readers: whether the value matches was decided before. Where a part cannot be determined cheaply, nothing
is marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from watcher.errors import Undecided
from watcher.match.bounded_regex import BoundedSearch
from watcher.match.matchers import fold
from watcher.model import SigmaExists, SigmaNull, SigmaRegex, SigmaString, SigmaValue, Wildcard
from watcher.model.matched_fields import Mark

_LONGEST_SEARCHED = 10_000  # characters of a value that is searched for the place of an expression
_LONGEST_PATTERN = 500  # characters of such an expression
_LIMIT = 0.01  # seconds
_CANDIDATES = 200  # places at which a chunk with `?` is compared


def marks_of(sigma_value: SigmaValue, value: str) -> tuple[Mark, ...]:
    """Return the parts of a value that match a value of the rule."""
    match sigma_value:
        case SigmaString():
            parts = tuple(part for part in sigma_value.parts if not isinstance(part, str) or part)
            folded = value if sigma_value.cased else fold(value)
            literals = [part if isinstance(part, Wildcard) or sigma_value.cased else fold(part) for part in parts]
            return tuple(_literal_marks(literals, folded))
        case SigmaRegex():
            return _regex_marks(sigma_value, value)
        case SigmaNull() | SigmaExists():
            return ()
        case _:
            return ((0, len(value)),) if value else ()


def merged(marks: Iterable[Mark], most: int) -> tuple[Mark, ...]:
    """Return marks in order, those that touch as one, at most so many."""
    result: list[Mark] = []
    for start, end in sorted(marks):
        if start >= end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return tuple(result[:most])


def _literal_marks(parts: Sequence[str | Wildcard], value: str) -> Iterator[Mark]:
    """Yield where the literals of a pattern are, each at its first possible place; the last ones at the end."""
    chunks = _chunks(parts)
    position, last = 0, len(chunks) - 1
    for number, chunk in enumerate(chunks):
        length = max((offset + len(literal) for offset, literal in chunk), default=0)
        if number == last and number:
            start = len(value) - length if _is_at(chunk, value, len(value) - length) else -1
        else:
            start = _place(chunk, value, position) if number else 0
        if start < 0 or not _is_at(chunk, value, start):
            return
        yield from ((start + offset, start + offset + len(literal)) for offset, literal in chunk)
        position = start + length


def _chunks(parts: Sequence[str | Wildcard]) -> list[list[tuple[int, str]]]:
    """Return the literals before, between and behind the `*`, each with its place in its chunk."""
    chunks: list[list[tuple[int, str]]] = [[]]
    offset = 0
    for part in parts:
        if part is Wildcard.ANY:
            chunks.append([])
            offset = 0
        elif isinstance(part, Wildcard):
            offset += 1
        else:
            chunks[-1].append((offset, part))
            offset += len(part)
    return chunks


def _place(chunk: Sequence[tuple[int, str]], value: str, position: int) -> int:
    """Return the first place of a chunk from a position on; -1 where it is none of the first candidates."""
    if not chunk:
        return position
    offset, literal = chunk[0]
    for _ in range(_CANDIDATES):
        at = value.find(literal, position + offset)
        if at < 0 or _is_at(chunk, value, at - offset):
            return at - offset if at >= 0 else -1
        position = at - offset + 1
    return -1


def _is_at(chunk: Sequence[tuple[int, str]], value: str, start: int) -> bool:
    return start >= 0 and all(value.startswith(literal, start + offset) for offset, literal in chunk)


@lru_cache(maxsize=256)
def _bounded_search(sigma_value: SigmaRegex) -> BoundedSearch:
    return BoundedSearch(sigma_value)


def _regex_marks(sigma_value: SigmaRegex, value: str) -> tuple[Mark, ...]:
    if len(value) > _LONGEST_SEARCHED or len(sigma_value.pattern) > _LONGEST_PATTERN:
        return ()
    try:
        span = _bounded_search(sigma_value).span(value, _LIMIT)
    except Undecided:
        return ()
    return () if span is None else (span,)
