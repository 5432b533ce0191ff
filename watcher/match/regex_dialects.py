r"""Python's regular expressions → the same in the dialect of another engine.

The expression is read by Python's own parser. Which characters a letter or a class matches is asked of Python, for
the characters of an alphabet. So `\w`, `\d`, `\s` and the flag `i` mean the same in every engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Protocol

from watcher.match.regex_tree import (
    Anchor,
    AtomicGroup,
    Backreference,
    Branches,
    CharacterClass,
    Conditional,
    Failure,
    Greed,
    Group,
    Literal,
    LookAround,
    Parts,
    RegexPart,
    Repeat,
    escaped,
    parse_regex,
)
from watcher.model import SigmaRegex

ASCII = 0x80  # how many characters there are
COMMON = 0x3000  # letters and punctuation of most languages: a hundred times fewer to ask than all
UNICODE = 0x110000  # half surrogate pairs count: events do hold them
_WITHOUT_CASE = 0x1F000  # from here on no letter has a case
_OF_A_CHARACTER = re.IGNORECASE | re.ASCII | re.DOTALL  # flags that change what one character matches

Ranges = tuple[tuple[int, int], ...]
"""The first and the last of neighbouring code points."""


class Inexpressible(Exception):  # noqa: N818 - reads as the state it names
    """The dialect has no equivalent of a part of the expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexDialect:
    """How an engine writes what engines write differently."""

    code_point: Callable[[int], str]
    nothing: str  # matches no text
    has_backtracking: bool  # look-around, references to groups, atomic groups


RE2 = RegexDialect(code_point=lambda code: f"\\x{{{code:x}}}", nothing=r"[^\x{0}-\x{ff}]", has_backtracking=False)
REGEX = RegexDialect(code_point=escaped, nothing="(?!)", has_backtracking=True)


class Alphabet(Protocol):
    """The characters of the values that an expression is translated for."""

    @property
    def is_ascii(self) -> bool:
        """Whether every character is ASCII."""
        ...

    def ranges(self, part: Literal | CharacterClass, flags: int) -> Ranges:
        """Return the characters that a letter or a class matches under some flags."""
        ...


@dataclass(frozen=True, slots=True)
class FirstCodePoints:
    """The alphabet of the first `size` code points."""

    size: int

    @property
    def is_ascii(self) -> bool:
        """Whether every character is ASCII."""
        return self.size == ASCII

    def ranges(self, part: Literal | CharacterClass, flags: int) -> Ranges:
        """Return the characters that a letter or a class matches under some flags."""
        if isinstance(part, CharacterClass):
            return matched(part.pattern, flags, self.size)
        if flags & re.IGNORECASE:
            return case_variants(part.code_point, flags, self.size)
        # most letters have no flag, and Python need not be asked
        return ((part.code_point, part.code_point),) if part.code_point < self.size else ()


def translate(regex: SigmaRegex, dialect: RegexDialect, alphabet: Alphabet) -> str:
    """Return the expression in a dialect; it is right for values of the characters of an alphabet.

    Raises Inexpressible where the dialect cannot say it.
    """
    tree = parse_regex(regex.pattern, regex.flags)
    return _Translation(dialect, alphabet).sequence(tree.parts, tree.flags, is_tail=True)


@dataclass(frozen=True, slots=True)
class _Translation:
    """Walks a parsed expression; `is_tail` says that nothing follows the part."""

    dialect: RegexDialect
    alphabet: Alphabet

    def sequence(self, parts: Parts, flags: int, *, is_tail: bool) -> str:
        """Translate parts that follow each other."""
        last = len(parts) - 1
        return "".join(self._part(part, flags, is_tail=is_tail and number == last) for number, part in enumerate(parts))

    def _part(self, part: RegexPart, flags: int, *, is_tail: bool) -> str:
        match part:
            case Literal() | CharacterClass():
                return self._character(part, flags)
            case Branches(branches=branches):
                return f"(?:{'|'.join(self.sequence(branch, flags, is_tail=is_tail) for branch in branches)})"
            case Group(number=number, added=added, removed=removed, parts=parts):
                body = self.sequence(parts, (flags | added) & ~removed, is_tail=is_tail)
                name = f"?P<g{number}>" if number and self.dialect.has_backtracking else "?:"
                return f"({name}{body})"
            case Anchor():
                return self._anchor(part, flags, is_tail=is_tail)
            case Repeat():
                return self._repeat(part, flags)
            case LookAround(is_ahead=True, is_negated=False, parts=parts) if (
                is_tail and not self.dialect.has_backtracking
            ):
                return f"(?:{self.sequence(parts, flags, is_tail=True)})"  # nothing follows: it may as well consume
        return self._backtracking(part, flags)

    def _repeat(self, part: Repeat, flags: int) -> str:
        if part.greed is Greed.POSSESSIVE and not self.dialect.has_backtracking:
            raise Inexpressible
        bounds = f"{{{part.least},}}" if part.most is None else f"{{{part.least},{part.most}}}"
        return f"(?:{self.sequence(part.parts, flags, is_tail=False)}){bounds}{part.greed.value}"

    def _character(self, part: Literal | CharacterClass, flags: int) -> str:
        ranges = self.alphabet.ranges(part, int(flags & _OF_A_CHARACTER))
        if not ranges:
            return self.dialect.nothing
        write = self.dialect.code_point
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return write(ranges[0][0])
        return f"[{''.join(f'{write(first)}-{write(last)}' for first, last in ranges)}]"

    def _anchor(self, anchor: Anchor, flags: int, *, is_tail: bool) -> str:
        is_any_line = bool(flags & re.MULTILINE)
        string_end = r"\Z" if self.dialect.has_backtracking else r"\z"
        match anchor:
            case Anchor.START:
                return "(?m:^)" if is_any_line else r"\A"
            case Anchor.STRING_START:
                return r"\A"
            case Anchor.END:
                return "(?m:$)" if is_any_line else self._end(string_end, is_tail=is_tail)
            case Anchor.STRING_END:
                return string_end
        return self._boundary(anchor, flags)

    def _end(self, string_end: str, *, is_tail: bool) -> str:
        """Translate `$`, which also holds before a line break at the end."""
        line_break = self.dialect.code_point(ord("\n"))
        if self.dialect.has_backtracking:
            return f"(?={line_break}?{string_end})"
        if is_tail:  # nothing follows that could want the line break
            return f"{line_break}?{string_end}"
        raise Inexpressible

    def _boundary(self, anchor: Anchor, flags: int) -> str:
        if self.dialect.has_backtracking:  # an empty text has no boundary, and for Python no lack of them either
            letters = "a" if flags & re.ASCII else "u"
            return rf"(?{letters}:\b)" if anchor is Anchor.BOUNDARY else rf"(?{letters}:\B)(?!\A\Z)"
        if anchor is Anchor.BOUNDARY and (self.alphabet.is_ascii or flags & re.ASCII):
            return r"\b"
        raise Inexpressible

    def _backtracking(self, part: RegexPart, flags: int) -> str:
        """Translate what only a dialect with backtracking has."""
        if not self.dialect.has_backtracking:
            raise Inexpressible
        match part:
            case LookAround(is_ahead=is_ahead, is_negated=is_negated, parts=parts):
                sign = ("" if is_ahead else "<") + ("!" if is_negated else "=")
                return f"(?{sign}{self.sequence(parts, flags, is_tail=False)})"
            case AtomicGroup(parts=parts):
                return f"(?>{self.sequence(parts, flags, is_tail=False)})"
            case Backreference(number=number):
                return f"(?i:(?P=g{number}))" if flags & re.IGNORECASE else f"(?P=g{number})"
            case Conditional(number=number, if_matched=if_matched, otherwise=otherwise):
                alternative = "" if otherwise is None else f"|{self.sequence(otherwise, flags, is_tail=False)}"
                return f"(?(g{number}){self.sequence(if_matched, flags, is_tail=False)}{alternative})"
            case Failure():
                return self.dialect.nothing
        raise Inexpressible


@lru_cache(maxsize=4096)
def matched(pattern: str, flags: int, size: int) -> Ranges:
    """Return the code points below `size` that an expression for one character matches in Python."""
    return tuple(_runs(pattern, flags, size))


@lru_cache(maxsize=4096)
def case_variants(code_point: int, flags: int, size: int) -> Ranges:
    """Return the code points below `size` that a letter matches in Python under some flags.

    Only letters that have a case are tried, and the letter itself: two thousand instead of a million.
    """
    letters = re.findall(escaped(code_point), _letters_with_case(size) + chr(code_point), flags)
    return tuple((point, point) for point in sorted({ord(letter) for letter in letters}) if point < size)


@cache
def _letters_with_case(size: int) -> str:
    letters = map(chr, range(min(size, _WITHOUT_CASE)))
    return "".join(letter for letter in letters if not letter == letter.lower() == letter.upper())


def _runs(pattern: str, flags: int, size: int) -> Iterator[tuple[int, int]]:
    for run in re.compile(f"(?:{pattern})+", flags).finditer(_alphabet(size)):
        yield run.start(), run.end() - 1


@cache
def _alphabet(size: int) -> str:
    return "".join(map(chr, range(size)))
