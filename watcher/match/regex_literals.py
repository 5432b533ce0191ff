"""What a regular expression cannot do without: texts, one of which stands in every value that it finds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from re import _constants as ops  # type: ignore[attr-defined]  # the parser's names have no public form
from re import _parser as parser  # type: ignore[attr-defined]  # nor has the only reader of Python's expressions
from typing import Any

from watcher.model import SigmaRegex

_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
_MOST = 64  # texts of one choice; more than these narrow nothing

LiteralChoice = frozenset[str]
"""Texts, at least one of which is there; their case is that of the expression."""


@lru_cache(maxsize=4096)
def literal_choices(regex: SigmaRegex) -> tuple[LiteralChoice, ...]:
    """Give choices, all of which hold of every value that the expression finds; none where none is certain."""
    try:
        tree = parser.parse(regex.pattern)
    except (re.error, RecursionError, OverflowError):
        return ()
    if tree.state.flags & (re.IGNORECASE | re.VERBOSE) and "i" not in regex.flags:
        return ()  # flags inside the pattern change what its letters mean
    found = dict.fromkeys(_of(tree))
    if "i" in regex.flags:  # which letters outside ASCII are then alike is Python's own affair
        return tuple(choice for choice in found if all(map(str.isascii, choice)))
    return tuple(found)


def _of(tree: Any) -> Iterator[LiteralChoice]:
    """Walk the parts that every match goes through, neighbouring letters joined."""
    run: list[str] = []
    for operation, argument in tree:
        if operation is ops.LITERAL:
            run.append(chr(argument))
            continue
        if operation is ops.AT:  # an anchor takes no room
            continue
        if run:
            yield frozenset(("".join(run),))
            run = []
        yield from _part(operation, argument)
    if run:
        yield frozenset(("".join(run),))


def _part(operation: Any, argument: Any) -> Iterator[LiteralChoice]:
    if operation is ops.SUBPATTERN:
        _, added, removed, inner = argument
        if not added and not removed:
            yield from _of(inner)
    elif operation in _REPEATS and argument[0] > 0:
        yield from _of(argument[2])
    elif operation is ops.BRANCH:
        branches = [tuple(_of(branch)) for branch in argument[1]]
        if all(branches):
            made: LiteralChoice = frozenset().union(*(_longest(branch) for branch in branches))
            if len(made) <= _MOST:
                yield made


def _longest(found: Sequence[LiteralChoice]) -> LiteralChoice:
    return max(found, key=lambda choice: min(map(len, choice)))
