"""The literals of a regular expression: every value that it matches contains one of each choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from re import _constants as ops  # type: ignore[attr-defined]  # the parser's names have no public form
from re import _parser as parser  # type: ignore[attr-defined]  # nor has the only reader of Python's expressions
from typing import Any

from watcher.model import SigmaRegex

_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
_MAX_LITERALS = 64  # of one choice; more of them exclude hardly any value

LiteralChoice = frozenset[str]
"""Strings, at least one of which a matching value contains, in the case of the expression."""


@lru_cache(maxsize=4096)
def literal_choices(regex: SigmaRegex) -> tuple[LiteralChoice, ...]:
    """Return choices, all of which apply to every value that the expression matches; empty if none is certain."""
    try:
        tree = parser.parse(regex.pattern)
    except (re.error, RecursionError, OverflowError):
        return ()
    if tree.state.flags & (re.IGNORECASE | re.VERBOSE) and "i" not in regex.flags:
        return ()  # flags inside the pattern change what its letters mean
    choices = dict.fromkeys(_choices(tree))
    if "i" in regex.flags:  # Python decides which letters outside ASCII are then equal
        return tuple(choice for choice in choices if all(map(str.isascii, choice)))
    return tuple(choices)


def _choices(tree: Any) -> Iterator[LiteralChoice]:
    """Yield the choices of the parts that every match contains, with adjacent letters joined."""
    run: list[str] = []
    for operation, argument in tree:
        if operation is ops.LITERAL:
            run.append(chr(argument))
            continue
        if operation is ops.AT:  # an anchor matches no character
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
            yield from _choices(inner)
    elif operation in _REPEATS and argument[0] > 0:
        yield from _choices(argument[2])
    elif operation is ops.BRANCH:
        branches = [tuple(_choices(branch)) for branch in argument[1]]
        if all(branches):
            joined: LiteralChoice = frozenset().union(*(_longest(branch) for branch in branches))
            if len(joined) <= _MAX_LITERALS:
                yield joined


def _longest(choices: Sequence[LiteralChoice]) -> LiteralChoice:
    return max(choices, key=lambda choice: min(map(len, choice)))
