"""Sigma's texts and regular expressions as wildcard patterns of the query DSL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from re import _constants as ops  # type: ignore[attr-defined]  # the parser's names have no public form
from re import _parser as parser  # type: ignore[attr-defined]  # nor has the only reader of Python's expressions
from typing import Any

from watcher.model import DASHES, SigmaRegex, SigmaString, Wildcard

_SPECIAL = re.compile(r"([\\*?])")
_REMEMBERED = 20_000  # a text is asked once for each path and index
_MOST_DASHES = 2  # 25 patterns; beyond that `?` stands for each
_RUN = re.compile(r"[A-Za-z0-9]+")


def has_case(character: str) -> bool:
    """Tell whether a character outside ASCII has another case, which the engines do not fold."""
    return ord(character) > 127 and (character.lower() != character or character.upper() != character)


def variants(text: SigmaString) -> tuple[SigmaString, ...]:
    """Write out what a dash may stand for, unless that would be too many."""
    if Wildcard.DASH not in text.parts:
        return (text,)
    locations = [number for number, part in enumerate(text.parts) if part is Wildcard.DASH]
    if len(locations) > _MOST_DASHES:
        return (text,)
    made = []
    for choice in product(DASHES, repeat=len(locations)):
        parts = list(text.parts)
        for location, dash in zip(locations, choice, strict=True):
            parts[location] = dash
        made.append(SigmaString(_joined(parts), text.cased))
    return tuple(made)


def _joined(parts: list[str | Wildcard]) -> tuple[str | Wildcard, ...]:
    joined: list[str | Wildcard] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def literal(text: SigmaString) -> str | None:
    """Give the text where the engine can compare it as it stands, else None."""
    if len(text.parts) != 1:
        return None if text.parts else ""
    (whole,) = text.parts
    return None if isinstance(whole, Wildcard) or (not text.cased and has_cases(whole)) else whole


def has_cases(text: str) -> bool:
    """Tell whether a text has a letter that the engines do not fold."""
    return not text.isascii() and any(map(has_case, text))


def loose(text: SigmaString) -> bool:
    """Tell whether the pattern returns more than the text means."""
    if Wildcard.DASH in text.parts:
        return True
    return not text.cased and any(isinstance(part, str) and has_cases(part) for part in text.parts)


@lru_cache(maxsize=_REMEMBERED)
def pattern(text: SigmaString) -> str:
    """Write a text as a wildcard pattern; what the engine cannot fold becomes `?`."""
    return "".join(_written(part, cased=text.cased) for part in text.parts)


def _written(part: str | Wildcard, *, cased: bool) -> str:
    if isinstance(part, Wildcard):
        return "*" if part is Wildcard.ANY else "?"
    if cased or part.isascii():
        return _SPECIAL.sub(r"\\\1", part)
    return "".join("?" if has_case(one) else _SPECIAL.sub(r"\\\1", one) for one in part)


@lru_cache(maxsize=_REMEMBERED)
def runs(text: SigmaString) -> tuple[str, ...]:
    """Give the runs of ASCII letters and digits that every matching value contains, the longest first."""
    found = (run for part in text.parts if isinstance(part, str) for run in _RUN.findall(part))
    return tuple(sorted({run.lower() for run in found}, key=lambda run: (-len(run), run)))


def factor_pattern(factor: str, regex: SigmaRegex) -> SigmaString:
    """Write a factor as the text that stands somewhere in the value.

    With the flag `i` Python also lets `i`, `k` and `s` be letters outside ASCII, which no engine folds.
    """
    parts: list[str | Wildcard] = [Wildcard.ANY]
    if "i" in regex.flags:
        parts.extend(Wildcard.ONE if one in "iksIKS" else one for one in factor)
    else:
        parts.append(factor)
    return SigmaString(_joined([*parts, Wildcard.ANY]), cased="i" not in regex.flags)


def factors(regex: SigmaRegex) -> tuple[str, ...]:
    """Give texts that every value contains which the regular expression finds, the longest first.

    They are case-sensitive unless the expression has the flag `i`. Empty where none is certain.
    """
    tree = parser.parse(regex.pattern)
    if tree.state.flags & (re.IGNORECASE | re.VERBOSE) and "i" not in regex.flags:
        return ()  # flags inside the pattern change what its letters mean
    found = [text for text in _certain(tree) if text and text.isascii()]
    return tuple(sorted(set(found), key=lambda text: (-len(text), text)))


def _certain(tree: Any) -> Iterator[str]:
    """Walk the parts that every match goes through, in order, joining neighbouring literals."""
    current: list[str] = []
    for operation, argument in tree:
        if operation is ops.LITERAL:
            current.append(chr(argument))
            continue
        if operation is ops.AT:  # an anchor takes no room
            continue
        yield "".join(current)
        current = []
        if operation is ops.SUBPATTERN:
            _, added, removed, inner = argument
            if not added and not removed:
                yield from _certain(inner)
        elif operation in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT) and argument[0] > 0:
            yield from _certain(argument[2])
    yield "".join(current)
