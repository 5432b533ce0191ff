"""Unicode reduced to ASCII and a few letters, each of which stands for all that an expression treats alike.

An expression tests characters by its letters and classes alone. Two characters outside ASCII that pass the same tests
are the same to it, so that one of them may replace the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from watcher.match.regex_dialects import ASCII, UNICODE, Ranges, case_variants, matched
from watcher.match.regex_tree import CharacterClass, Literal

_MOST_TESTS = 24
_MOST_LETTERS = 64  # in Latin-1, where there is room for 128
_ASCII_TABLE = {code_point: code_point for code_point in range(ASCII)}
_MOST_REMEMBERED = 16_384  # characters; whoever writes events may use any of them


class ReducedAlphabet:
    """The letters of one expression; `ranges` collects its tests, so translate it before values are reduced."""

    def __init__(self) -> None:
        self._tests: dict[tuple[str, int], re.Pattern[str]] = {}
        self._letters: dict[int, int] = {}  # which tests hold, as bits → code point
        self._table = dict(_ASCII_TABLE)  # character → its letter
        self._is_exhausted = False

    @property
    def is_ascii(self) -> bool:
        """Whether every character is ASCII."""
        return False

    @property
    def count(self) -> int:
        """The number of letters up to now."""
        return len(self._letters)

    def ranges(self, part: Literal | CharacterClass, flags: int) -> Ranges:
        """Return the characters that a letter or a class matches under some flags."""
        if isinstance(part, CharacterClass):
            return (*matched(part.pattern, flags, ASCII), *self._letters_of(part.pattern, flags))
        code_point = part.code_point
        own = ((code_point, code_point),)
        variants = case_variants(code_point, flags, UNICODE) if flags & re.IGNORECASE else own
        in_ascii = tuple(points for points in variants if points[0] < ASCII)
        return in_ascii if len(in_ascii) == len(variants) else (*in_ascii, *self._letters_of(part.pattern, flags))

    def _letters_of(self, pattern: str, flags: int) -> Ranges:
        """Return the letters that pass a test."""
        tests = self._tests
        if (pattern, flags) not in tests:
            tests[pattern, flags] = re.compile(pattern, flags)
        bit = 1 << list(tests).index((pattern, flags))
        return tuple((letter, letter) for tests_held, letter in self._letters.items() if tests_held & bit)

    def reduce(self, value: str) -> bytes | None:
        """Return a value with its letters replaced, in Latin-1; None if the expression distinguishes too many."""
        if self._is_exhausted or len(self._tests) > _MOST_TESTS:
            return None
        characters = set(map(ord, set(value)))
        unknown = characters.difference(self._table)
        if unknown:
            if len(self._table) + len(unknown) > _MOST_REMEMBERED:
                self._table = dict(_ASCII_TABLE)
                unknown = characters.difference(self._table)
            self._add(unknown)
        return None if self._is_exhausted else value.translate(self._table).encode("latin-1")

    def _add(self, code_points: Iterable[int]) -> None:
        """Assign letters to characters: all characters meet a test at once, which is quicker than each by itself."""
        joined = "".join(map(chr, code_points))
        held = dict.fromkeys(joined, 0)
        for number, test in enumerate(self._tests.values()):
            for character in test.findall(joined):
                held[character] |= 1 << number
        for character, tests_held in held.items():
            if tests_held not in self._letters:
                if len(self._letters) >= _MOST_LETTERS:
                    self._is_exhausted = True
                    return
                self._letters[tests_held] = ASCII + len(self._letters)
            self._table[ord(character)] = self._letters[tests_held]
