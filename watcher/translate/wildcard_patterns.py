"""Sigma strings and regular expressions → wildcard patterns of the query DSL.

`case_insensitive` of the engines folds ASCII letters only, while Sigma compares all letters without case. A letter
outside ASCII that has another case is therefore searched as `?`: the pattern matches more values than the string.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, product

from watcher.match.regex_literals import literal_choices
from watcher.model import DASHES, SigmaRegex, SigmaString, Wildcard
from watcher.translate.pattern_limits import accepted_string

_SPECIAL = re.compile(r"([\\*?])")
_CACHE_SIZE = 20_000  # a string of a rule is translated once per path and index
_MAX_DASHES = 2  # 25 variants; a string with more dashes has `?` for each of them
_ALPHANUMERIC_RUN = re.compile(r"[A-Za-z0-9]+")


def dash_variants(string: SigmaString) -> tuple[SigmaString, ...]:
    """Return a string with each combination of dash characters, or unchanged if those are too many."""
    positions = [number for number, part in enumerate(string.parts) if part is Wildcard.DASH]
    if not positions or len(positions) > _MAX_DASHES:
        return (string,)
    variants = []
    for dashes in product(DASHES, repeat=len(positions)):
        parts = list(string.parts)
        for position, dash in zip(positions, dashes, strict=True):
            parts[position] = dash
        variants.append(SigmaString(_joined(parts), string.cased))
    return tuple(variants)


def _joined(parts: Iterable[str | Wildcard]) -> tuple[str | Wildcard, ...]:
    """Return parts with neighbouring literal parts joined."""
    joined: list[str | Wildcard] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def literal_value(string: SigmaString) -> str | None:
    """Return the string if the engine can compare it as a literal value, else None."""
    if len(string.parts) != 1:
        return None if string.parts else ""
    (part,) = string.parts
    return None if isinstance(part, Wildcard) or (not string.cased and has_unfolded_case(part)) else part


def has_unfolded_case(text: str) -> bool:
    """Whether a text has a letter with another case that the engines do not fold."""
    return not text.isascii() and any(map(_is_unfolded, text))


def _is_unfolded(character: str) -> bool:
    return ord(character) > 127 and (character.lower() != character or character.upper() != character)


@lru_cache(maxsize=_CACHE_SIZE)
def searched_string(string: SigmaString) -> SigmaString:
    """Return the string that an engine can search for; unless it is equal, it matches more values."""
    if string.cased or all(isinstance(part, Wildcard) or not has_unfolded_case(part) for part in string.parts):
        parts = tuple(map(_without_dash, string.parts))
    else:
        parts = tuple(chain.from_iterable(map(_folded, string.parts)))
    return accepted_string(string if parts == string.parts else SigmaString(_joined(parts), string.cased))


def _without_dash(part: str | Wildcard) -> str | Wildcard:
    return Wildcard.ONE if part is Wildcard.DASH else part


def _folded(part: str | Wildcard) -> Iterable[str | Wildcard]:
    """Return a part with a wildcard for each letter whose other case the engines do not know."""
    if isinstance(part, Wildcard):
        return (_without_dash(part),)
    return (Wildcard.ONE if _is_unfolded(character) else character for character in part)


def wildcard_pattern(string: SigmaString) -> str:
    """Return a string without dashes as a wildcard pattern."""
    return "".join(part.value if isinstance(part, Wildcard) else _SPECIAL.sub(r"\\\1", part) for part in string.parts)


@lru_cache(maxsize=_CACHE_SIZE)
def alphanumeric_runs(string: SigmaString) -> tuple[str, ...]:
    """Return the runs of ASCII letters and digits that every matching value contains, the longest first."""
    runs = (run for part in string.parts if isinstance(part, str) for run in _ALPHANUMERIC_RUN.findall(part))
    return tuple(sorted({run.lower() for run in runs}, key=lambda run: (-len(run), run)))


def regex_literals(regex: SigmaRegex) -> tuple[str, ...]:
    """Return ASCII strings that every value contains which a regular expression matches, the longest first.

    They are case-sensitive unless the expression has the flag `i`.
    """
    literals = {literal for choice in literal_choices(regex) if len(choice) == 1 for literal in choice}
    return tuple(sorted(filter(str.isascii, literals), key=lambda literal: (-len(literal), literal)))


def contains_literal(literal: str, regex: SigmaRegex) -> SigmaString:
    """Return the string for values that contain a literal of a regular expression.

    With the flag `i` Python also matches `i`, `k` and `s` with letters outside ASCII, which no engine folds.
    """
    parts: list[str | Wildcard] = [Wildcard.ANY]
    if "i" in regex.flags:
        parts.extend(Wildcard.ONE if character in "iksIKS" else character for character in literal)
    else:
        parts.append(literal)
    return SigmaString(_joined([*parts, Wildcard.ANY]), cased="i" not in regex.flags)
