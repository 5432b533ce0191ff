r"""Python's regular expressions → the same in the dialect of another engine.

The expression is read by Python's own parser. Which characters a letter or a class matches is asked of Python, for
every character of an alphabet. So `\w`, `\d`, `\s` and the flag `i` mean the same in every engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from re import _constants as ops  # type: ignore[attr-defined]  # the parser's names have no public form
from re import _parser as parser  # type: ignore[attr-defined]  # nor has the only reader of Python's expressions
from typing import Any

from watcher.model import SigmaRegex

FLAGS: Mapping[str, re.RegexFlag] = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
ASCII = 0x80  # how many characters there are
UNICODE = 0x110000  # half surrogate pairs count: events do hold them
_OF_A_LEAF = re.IGNORECASE | re.ASCII | re.DOTALL  # flags that change what one character matches
_LEAVES = (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN)
_GREED = {ops.MAX_REPEAT: "", ops.MIN_REPEAT: "?", ops.POSSESSIVE_REPEAT: "+"}
_CLASSES = {
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_NOT_DIGIT: r"\D",
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_WORD: r"\W",
}

Ranges = tuple[tuple[int, int], ...]
"""The first and the last of neighbouring code points."""


class Inexpressible(Exception):  # noqa: N818 - reads as the state it names
    """The dialect has no words for a part of the expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexDialect:
    """How an engine writes what engines write differently."""

    code_point: Callable[[int], str]
    nothing: str  # matches no text
    has_backtracking: bool  # look-around, references to groups, atomic groups


RE2 = RegexDialect(code_point=lambda code: f"\\x{{{code:x}}}", nothing=r"[^\x{0}-\x{10ffff}]", has_backtracking=False)
REGEX = RegexDialect(code_point=lambda code: f"\\U{code:08x}", nothing="(?!)", has_backtracking=True)


def translate(regex: SigmaRegex, dialect: RegexDialect, size: int) -> str:
    """Return the expression in a dialect; it is right for values of the first `size` code points.

    Raises Inexpressible where the dialect cannot say it.
    """
    flags = re.NOFLAG
    for letter in regex.flags:
        flags |= FLAGS[letter]
    tree = parser.parse(regex.pattern, flags)
    return _Translation(dialect, size).sequence(tree, tree.state.flags, is_tail=True)


@dataclass(frozen=True, slots=True)
class _Translation:
    """Walks a parsed expression; `is_tail` says that nothing follows the part."""

    dialect: RegexDialect
    size: int

    def sequence(self, parts: Any, flags: int, *, is_tail: bool) -> str:
        """Translate parts that follow each other."""
        last = len(parts) - 1
        return "".join(
            self._part(operation, argument, flags, is_tail=is_tail and number == last)
            for number, (operation, argument) in enumerate(parts)
        )

    def _part(self, operation: Any, argument: Any, flags: int, *, is_tail: bool) -> str:
        if operation in _LEAVES:
            return self._leaf(operation, argument, flags)
        if operation is ops.BRANCH:
            branches = (self.sequence(branch, flags, is_tail=is_tail) for branch in argument[1])
            return f"(?:{'|'.join(branches)})"
        if operation is ops.SUBPATTERN:
            number, added, removed, inner = argument
            body = self.sequence(inner, (flags | added) & ~removed, is_tail=is_tail)
            name = f"?P<g{number}>" if number and self.dialect.has_backtracking else "?:"
            return f"({name}{body})"
        if operation is ops.AT:
            return self._anchor(argument, flags, is_tail=is_tail)
        if operation in _GREED:
            return self._repeat(operation, argument, flags)
        return self._backtracking(operation, argument, flags, is_tail=is_tail)

    def _repeat(self, operation: Any, argument: Any, flags: int) -> str:
        least, most, inner = argument
        if operation is ops.POSSESSIVE_REPEAT and not self.dialect.has_backtracking:
            raise Inexpressible
        bounds = f"{{{least},}}" if most is ops.MAXREPEAT else f"{{{least},{most}}}"
        return f"(?:{self.sequence(inner, flags, is_tail=False)}){bounds}{_GREED[operation]}"

    def _leaf(self, operation: Any, argument: Any, flags: int) -> str:
        if operation is ops.LITERAL and not flags & re.IGNORECASE:  # most are, and Python need not be asked
            return self.dialect.code_point(argument) if argument < self.size else self.dialect.nothing
        ranges = matched(as_python(operation, argument), int(flags & _OF_A_LEAF), self.size)
        if not ranges:
            return self.dialect.nothing
        write = self.dialect.code_point
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return write(ranges[0][0])
        return f"[{''.join(f'{write(first)}-{write(last)}' for first, last in ranges)}]"

    def _anchor(self, anchor: Any, flags: int, *, is_tail: bool) -> str:
        is_any_line = bool(flags & re.MULTILINE)
        if anchor in (ops.AT_BEGINNING, ops.AT_BEGINNING_STRING):
            return "(?m:^)" if is_any_line and anchor is ops.AT_BEGINNING else r"\A"
        if anchor is ops.AT_END and is_any_line:
            return "(?m:$)"
        string_end = r"\Z" if self.dialect.has_backtracking else r"\z"
        if anchor is ops.AT_END_STRING:
            return string_end
        if anchor is ops.AT_END:
            return self._end(string_end, is_tail=is_tail)
        return self._boundary(anchor, flags)

    def _end(self, string_end: str, *, is_tail: bool) -> str:
        """Translate `$`, which also holds before a line break at the end."""
        line_break = self.dialect.code_point(ord("\n"))
        if self.dialect.has_backtracking:
            return f"(?={line_break}?{string_end})"
        if is_tail:  # nothing follows that could want the line break
            return f"{line_break}?{string_end}"
        raise Inexpressible

    def _boundary(self, anchor: Any, flags: int) -> str:
        if self.dialect.has_backtracking:  # an empty text has no boundary, and for Python no lack of them either
            letters = "a" if flags & re.ASCII else "u"
            return rf"(?{letters}:\b)" if anchor is ops.AT_BOUNDARY else rf"(?{letters}:\B)(?!\A\Z)"
        if anchor is ops.AT_BOUNDARY and (self.size == ASCII or flags & re.ASCII):
            return r"\b"
        raise Inexpressible

    def _backtracking(self, operation: Any, argument: Any, flags: int, *, is_tail: bool) -> str:
        if operation is ops.ASSERT and argument[0] > 0 and is_tail and not self.dialect.has_backtracking:
            return f"(?:{self.sequence(argument[1], flags, is_tail=True)})"  # nothing follows: it may as well consume
        if not self.dialect.has_backtracking:
            raise Inexpressible
        if operation in (ops.ASSERT, ops.ASSERT_NOT):
            way, inner = argument
            sign = ("" if way > 0 else "<") + ("=" if operation is ops.ASSERT else "!")
            return f"(?{sign}{self.sequence(inner, flags, is_tail=False)})"
        if operation is ops.ATOMIC_GROUP:
            return f"(?>{self.sequence(argument, flags, is_tail=False)})"
        if operation is ops.GROUPREF:
            return f"(?i:(?P=g{argument}))" if flags & re.IGNORECASE else f"(?P=g{argument})"
        if operation is ops.GROUPREF_EXISTS:
            number, yes, no = argument
            other = "" if no is None else f"|{self.sequence(no, flags, is_tail=False)}"
            return f"(?(g{number}){self.sequence(yes, flags, is_tail=False)}{other})"
        if operation is ops.FAILURE:
            return self.dialect.nothing
        raise Inexpressible


def as_python(operation: Any, argument: Any) -> str:
    """Write a part that matches one character as Python does."""
    if operation is ops.ANY:
        return "."
    if operation is ops.LITERAL:
        return REGEX.code_point(argument)
    if operation is ops.NOT_LITERAL:
        return f"[^{REGEX.code_point(argument)}]"
    return f"[{''.join(map(_in_set, argument))}]"


def _in_set(entry: tuple[Any, Any]) -> str:
    operation, argument = entry
    if operation is ops.NEGATE:
        return "^"
    if operation is ops.CATEGORY:
        return _CLASSES[argument]
    if operation is ops.RANGE:
        return f"{REGEX.code_point(argument[0])}-{REGEX.code_point(argument[1])}"
    return REGEX.code_point(argument)


@lru_cache(maxsize=4096)
def matched(leaf: str, flags: int, size: int) -> Ranges:
    """Return the code points below `size` that an expression for one character matches in Python."""
    return tuple(_runs(leaf, flags, size))


def _runs(leaf: str, flags: int, size: int) -> Iterator[tuple[int, int]]:
    for run in re.compile(f"(?:{leaf})+", flags).finditer(_alphabet(size)):
        yield run.start(), run.end() - 1


@cache
def _alphabet(size: int) -> str:
    return "".join(map(chr, range(size)))
