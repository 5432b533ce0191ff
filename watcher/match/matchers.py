"""One value of a rule → its matcher, a function on one value of an event, with Sigma's exact semantics.

Strings compare case-insensitively unless `cased`. Folding keeps each character one character, and never makes an
ASCII letter out of another (the Kelvin sign is no `k`): so a search engine that folds only ASCII finds no less.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from ipaddress import IPv6Address, ip_address
from operator import methodcaller

from watcher.errors import Undecided
from watcher.match.bounded_regex import BoundedSearch, share
from watcher.match.regex_literals import LiteralChoice, literal_choices
from watcher.match.wildcards import wildcard_matcher
from watcher.model import SigmaCidr, SigmaCompare, SigmaNumber, SigmaRegex, SigmaString, SigmaTimestampPart, Wildcard
from watcher.timestamps import timestamp_part

_ANY = Wildcard.ANY  # patterns of `match` that name a member of an enumeration look it up each time

Matcher = Callable[[str], bool]
ValuesMatcher = Callable[[Sequence[str]], bool]
MAX_NUMBER_LENGTH = 40
"""Characters of an integer with its leading zeros; longer strings are not read as integers."""


class _Fold(dict[int, int]):
    """A table for `str.translate` that folds one character at a time, and keeps the result."""

    def __missing__(self, code: int) -> int:
        lowered = chr(code).lower()
        folded = ord(lowered) if len(lowered) == 1 and ord(lowered) > 127 else code
        self[code] = folded
        return folded


_FOLD = _Fold({code: ord(chr(code).lower()) for code in range(128)})


def fold(text: str) -> str:
    """Return a string with its case folded."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


_ALIKE = (("\u03c2", "\u03c3"), ("\u017f", "s"), ("\u0131", "i"), ("\u0307", ""))  # letters that `lower` keeps distinct


def fold_loosely(text: str) -> str:
    """Return a string with its case folded for the search of literals: letters that may compare equal become equal.

    It folds letter by letter, so that a substring stays a substring. With the flag `i` expressions let `k`, `s` and
    `i` match some letters outside ASCII too, which are folded to them.
    """
    lowered = text.lower()
    if not text.isascii():
        for letter, folded in _ALIKE:
            if letter in lowered:
                lowered = lowered.replace(letter, folded)
    return lowered


@cache
def string_matcher(sigma_value: SigmaString) -> Matcher:
    """Return the matcher of a string.

    It takes values with their case folded, unless the string is `cased`.
    """
    parts = _folded(sigma_value)
    match parts:
        case (literal,) if isinstance(literal, str):
            return literal.__eq__
        case (first, last) if first is _ANY and isinstance(last, str):
            return methodcaller("endswith", last)
        case (first, last) if last is _ANY and isinstance(first, str):
            return methodcaller("startswith", first)
        case (first, literal, last) if first is _ANY and isinstance(literal, str) and last is _ANY:
            return lambda value: literal in value
    return wildcard_matcher(parts)


def _folded(sigma_value: SigmaString) -> tuple[str | Wildcard, ...]:
    if sigma_value.cased:
        return sigma_value.parts
    return tuple([fold(part) if isinstance(part, str) else part for part in sigma_value.parts])


def string_matchers(strings: Iterable[SigmaString]) -> tuple[Matcher, ...]:
    """Return matchers of folded values for several strings that are not `cased`, any of which may match.

    Similar strings share a matcher.
    """
    exact, starts, ends = set[str](), list[str](), list[str]()
    others = list[Matcher]()
    for string in strings:
        match string.parts:
            case (literal,) if isinstance(literal, str):
                exact.add(fold(literal))
            case (first, last) if first is _ANY and isinstance(last, str):
                ends.append(fold(last))
            case (first, last) if last is _ANY and isinstance(first, str):
                starts.append(fold(first))
            case _:
                others.append(string_matcher(string))
    matchers = list[Matcher]()
    if exact:
        matchers.append(frozenset(exact).__contains__)
    if starts:
        matchers.append(methodcaller("startswith", tuple(starts)))
    if ends:
        matchers.append(methodcaller("endswith", tuple(ends)))
    return (*matchers, *others)


def number_matcher(sigma_value: SigmaNumber) -> Matcher:
    """Return the matcher of a number: the same string, or an equal integer."""
    number = sigma_value.value
    if isinstance(number, float) and not number.is_integer():
        return str(number).__eq__
    integer = int(number)
    wanted = str(integer)
    written = re.compile(rf"[+-]?0*{wanted.lstrip('-')}").fullmatch

    def same(text: str) -> bool:
        return text == wanted or (len(text) <= MAX_NUMBER_LENGTH and written(text) is not None and int(text) == integer)

    return same


def regex_matcher(sigma_value: SigmaRegex) -> Matcher:
    """Return the matcher of a regular expression, searched unanchored; it may raise Undecided."""
    search = values_matcher(sigma_value)
    return lambda value: search((value,))


@lru_cache(maxsize=1024)
def values_matcher(sigma_value: SigmaRegex) -> ValuesMatcher:
    """Return the function that searches the values of a field by a regular expression, unanchored.

    A value without the literals of the expression is not searched. The function raises Undecided if no value
    matches, and a value could not be searched within the time limit.
    """
    search = BoundedSearch(sigma_value)
    choices = literal_choices(sigma_value)
    if "i" in sigma_value.flags:
        folded = tuple(frozenset(map(fold_loosely, choice)) for choice in choices)
        return _searched(search, lambda value: _has_all(folded, fold_loosely(value)))
    return _searched(search, lambda value: _has_all(choices, value))


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


def _has_all(choices: tuple[LiteralChoice, ...], value: str) -> bool:
    """Return whether a value contains a literal of each choice."""
    for choice in choices:
        for text in choice:
            if text in value:
                break
        else:
            return False
    return True


def cidr_matcher(sigma_value: SigmaCidr) -> Matcher:
    """Return the matcher of a network's addresses; an IPv4 address mapped to IPv6 is an address of both versions."""
    network = sigma_value.network

    def inside(value: str) -> bool:
        try:
            address = ip_address(value.strip())
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return address in network or (mapped is not None and mapped in network)

    return inside


def parse_number(value: str) -> int | float | None:
    """Return a value as a number, hexadecimal after `0x`; None if it is not a number."""
    try:
        return int(value, 16) if value[:2].lower() == "0x" else int(value)
    except ValueError:
        try:
            return float(value)
        except ValueError:
            return None


def comparison_matcher(sigma_value: SigmaCompare) -> Matcher:
    """Return the matcher of a numeric comparison."""
    bound = sigma_value.bound

    def compared(value: str) -> bool:
        number = parse_number(value)
        if number is None:
            return False
        match sigma_value.operator:
            case "lt":
                return number < bound
            case "lte":
                return number <= bound
            case "gt":
                return number > bound
            case _:
                return number >= bound

    return compared


def timestamp_matcher(sigma_value: SigmaTimestampPart) -> Matcher:
    """Return the matcher of one part of a timestamp, in UTC."""

    def compared(value: str) -> bool:
        part = timestamp_part(value, sigma_value.part)
        if part is None:
            return False
        match sigma_value.operator:
            case "lt":
                return part < sigma_value.value
            case "lte":
                return part <= sigma_value.value
            case "gt":
                return part > sigma_value.value
            case "gte":
                return part >= sigma_value.value
            case _:
                return part == sigma_value.value

    return compared
