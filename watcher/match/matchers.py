"""One test of a rule → a function on one value, with Sigma's exact semantics.

Texts compare case-insensitively unless `cased`. Folding keeps each character one character, and never makes an
ASCII letter out of another (the Kelvin sign is no `k`): so a search engine that folds ASCII alone finds no less.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from ipaddress import IPv6Address, ip_address
from operator import methodcaller

from watcher.errors import Undecided
from watcher.match import regex_literals as factors
from watcher.match.bounded_regex import BoundedSearch, share
from watcher.match.wildcards import wildcard_matcher
from watcher.model import SigmaCidr, SigmaCompare, SigmaNumber, SigmaRegex, SigmaString, SigmaTimestampPart, Wildcard
from watcher.timestamps import timestamp_part

Matcher = Callable[[str], bool]
ValuesMatcher = Callable[[Sequence[str]], bool]
MAX_NUMBER_LENGTH = 40
"""Characters of a whole number with all the zeros before it; what is longer is no number that anybody writes."""


class _Fold(dict[int, int]):
    """A table for `str.translate` that folds one character at a time and remembers."""

    def __missing__(self, code: int) -> int:
        lowered = chr(code).lower()
        folded = ord(lowered) if len(lowered) == 1 and ord(lowered) > 127 else code
        self[code] = folded
        return folded


_FOLD = _Fold({code: ord(chr(code).lower()) for code in range(128)})


def fold(text: str) -> str:
    """Fold the case of a text."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


_ALIKE = (("\u03c2", "\u03c3"), ("\u017f", "s"), ("\u0131", "i"), ("\u0307", ""))  # what `lower` leaves apart


def fold_loosely(text: str) -> str:
    """Fold the case of a text in which clues are looked for: whatever compares alike in any way becomes the same.

    It goes letter by letter, so a part of a text stays a part of it. With the flag `i` Python's expressions let `k`,
    `s` and `i` be letters outside ASCII too: they are made one here.
    """
    lowered = text.lower()
    if not text.isascii():
        for one, other in _ALIKE:
            if one in lowered:
                lowered = lowered.replace(one, other)
    return lowered


@cache
def string_matcher(test: SigmaString) -> Matcher:
    """Make the function that tells whether a value is what the text means.

    The value must be folded already where the text is not `cased`.
    """
    parts = _folded(test)
    match parts:
        case (str(literal),):
            return literal.__eq__
        case (Wildcard.ANY, str(literal)):
            return lambda value: value.endswith(literal)
        case (str(literal), Wildcard.ANY):
            return lambda value: value.startswith(literal)
        case (Wildcard.ANY, str(literal), Wildcard.ANY):
            return lambda value: literal in value
    return wildcard_matcher(parts)


def _folded(test: SigmaString) -> tuple[str | Wildcard, ...]:
    return tuple(part if isinstance(part, Wildcard) or test.cased else fold(part) for part in test.parts)


def string_matchers(tests: Iterable[SigmaString]) -> tuple[Matcher, ...]:
    """Make functions, one of which takes a folded value that any of the texts means; texts alike share a function."""
    wholes, starts, ends = set[str](), list[str](), list[str]()
    others = list[Matcher]()
    for test in tests:
        match _folded(test):
            case (str(literal),):
                wholes.add(literal)
            case (Wildcard.ANY, str(literal)):
                ends.append(literal)
            case (str(literal), Wildcard.ANY):
                starts.append(literal)
            case _:
                others.append(string_matcher(test))
    made = list[Matcher]()
    if wholes:
        made.append(frozenset(wholes).__contains__)
    if starts:
        made.append(methodcaller("startswith", tuple(starts)))
    if ends:
        made.append(methodcaller("endswith", tuple(ends)))
    return (*made, *others)


def number_matcher(test: SigmaNumber) -> Matcher:
    """Make the function that tells whether a value is that number: the same text, or both whole and equal."""
    value = test.value
    if isinstance(value, float) and not value.is_integer():
        return str(value).__eq__
    whole = int(value)
    wanted = str(whole)
    written = re.compile(rf"[+-]?0*{wanted.lstrip('-')}").fullmatch

    def same(text: str) -> bool:
        return text == wanted or (len(text) <= MAX_NUMBER_LENGTH and written(text) is not None and int(text) == whole)

    return same


def regex_matcher(test: SigmaRegex) -> Matcher:
    """Create the function that searches a value by a regular expression, unanchored; it may raise Undecided."""
    search = values_matcher(test)
    return lambda value: search((value,))


@lru_cache(maxsize=1024)
def values_matcher(test: SigmaRegex) -> ValuesMatcher:
    """Create the function that searches the values of a field by a regular expression, unanchored.

    A value that lacks what the expression cannot do without is not searched. The function raises Undecided where no
    value matches, and one could not be searched within the time limit.
    """
    search = BoundedSearch(test)
    needed = factors.literal_choices(test)
    if "i" in test.flags:
        alike = tuple(frozenset(map(fold_loosely, choice)) for choice in needed)
        return _searched(search, lambda value: _has_all(alike, fold_loosely(value)))
    return _searched(search, lambda value: _has_all(needed, value))


def _searched(search: BoundedSearch, may_match: Matcher) -> ValuesMatcher:
    def matches(values: Sequence[str]) -> bool:
        undecided: Undecided | None = None
        for value in values:
            if not may_match(value):
                continue
            try:
                if search(value, share(values)):
                    return True
            except Undecided as fault:
                undecided = fault
        if undecided is not None:
            raise undecided
        return False

    return matches


def _has_all(needed: tuple[factors.LiteralChoice, ...], value: str) -> bool:
    """Tell whether some text of each choice stands in a value."""
    for choice in needed:
        for text in choice:
            if text in value:
                break
        else:
            return False
    return True


def cidr_matcher(test: SigmaCidr) -> Matcher:
    """Make the function that tells whether a value is an address of the network; mapped IPv4 counts as IPv4."""
    network = test.network

    def inside(value: str) -> bool:
        try:
            address = ip_address(value.strip())
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address in network

    return inside


def parse_number(value: str) -> int | float | None:
    """Read a value as a number, hexadecimal behind `0x`; None where it is none."""
    try:
        return int(value, 16) if value[:2].lower() == "0x" else int(value)
    except ValueError:
        try:
            return float(value)
        except ValueError:
            return None


def comparison_matcher(test: SigmaCompare) -> Matcher:
    """Make the function that compares a value as a number."""
    bound = test.bound

    def compared(value: str) -> bool:
        number = parse_number(value)
        if number is None:
            return False
        match test.operator:
            case "lt":
                return number < bound
            case "lte":
                return number <= bound
            case "gt":
                return number > bound
            case _:
                return number >= bound

    return compared


def timestamp_matcher(test: SigmaTimestampPart) -> Matcher:
    """Make the function that compares one part of a timestamp, in UTC."""

    def compared(value: str) -> bool:
        part = timestamp_part(value, test.part)
        if part is None:
            return False
        match test.operator:
            case "lt":
                return part < test.value
            case "lte":
                return part <= test.value
            case "gt":
                return part > test.value
            case "gte":
                return part >= test.value
            case _:
                return part == test.value

    return compared
