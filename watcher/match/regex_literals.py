"""The literals of a regular expression: every value that it matches contains one of each choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from watcher.match.regex_tree import Anchor, Branches, Group, Literal, Parts, RegexPart, Repeat, parse_regex
from watcher.model import SigmaRegex

_MAX_LITERALS = 64  # of one choice; more of them exclude hardly any value

LiteralChoice = frozenset[str]
"""Strings, at least one of which a matching value contains, in the case of the expression."""


@lru_cache(maxsize=4096)
def literal_choices(regex: SigmaRegex) -> tuple[LiteralChoice, ...]:
    """Return choices, all of which apply to every value that the expression matches; empty if none is certain."""
    try:
        tree = parse_regex(regex.pattern)
    except (re.error, RecursionError, OverflowError):
        return ()
    if tree.flags & (re.IGNORECASE | re.VERBOSE) and "i" not in regex.flags:
        return ()  # flags inside the pattern change what its letters mean
    choices = dict.fromkeys(_choices(tree.parts))
    if "i" in regex.flags:  # Python decides which letters outside ASCII are then equal
        return tuple(choice for choice in choices if all(map(str.isascii, choice)))
    return tuple(choices)


def _choices(parts: Parts) -> Iterator[LiteralChoice]:
    """Yield the choices of the parts that every match contains, with adjacent letters joined."""
    run: list[str] = []
    for part in parts:
        if isinstance(part, Literal):
            run.append(chr(part.code_point))
            continue
        if isinstance(part, Anchor):  # an anchor matches no character
            continue
        if run:
            yield frozenset(("".join(run),))
            run = []
        yield from _inner_choices(part)
    if run:
        yield frozenset(("".join(run),))


def _inner_choices(part: RegexPart) -> Iterator[LiteralChoice]:
    match part:
        case Group(added=0, removed=0, parts=parts):
            yield from _choices(parts)
        case Repeat(least=least, parts=parts) if least > 0:
            yield from _choices(parts)
        case Branches(branches=branches):
            by_branch = [tuple(_choices(branch)) for branch in branches]
            if all(by_branch):
                joined: LiteralChoice = frozenset().union(*map(_longest, by_branch))
                if len(joined) <= _MAX_LITERALS:
                    yield joined


def _longest(choices: Sequence[LiteralChoice]) -> LiteralChoice:
    return max(choices, key=lambda choice: min(map(len, choice)))
