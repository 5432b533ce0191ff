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
    """Yield where the literals of a pattern are, each at its first possible place; the last at the end."""
    position, is_anchored = 0, True
    for number, part in enumerate(parts):
        if isinstance(part, Wildcard):
            position += part is not Wildcard.ANY
            is_anchored = is_anchored and part is not Wildcard.ANY
            continue
        if number == len(parts) - 1 and not is_anchored:
            start = len(value) - len(part) if value.endswith(part) else -1
        else:
            start = position if is_anchored else value.find(part, position)
        if start < 0 or not value.startswith(part, start):
            return
        position, is_anchored = start + len(part), True
        yield start, position


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
