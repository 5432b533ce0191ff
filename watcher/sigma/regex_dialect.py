r"""Conversion of the regular expressions of rules to Python's dialect.

Rules are written for PCRE, RE2 and .NET, too: `(?<name>…)`, `\z`, `\h`, `[[:alpha:]]`, `\p{L}`, flags in the middle.
Syntax that Python spells differently is converted; syntax that it lacks is kept, and rejected by its compiler.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_ESCAPES: Mapping[str, str] = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "h": r"[ \t]",
    "H": r"[^ \t]",
    "R": r"(?:\r\n|[\n\v\f\r\x85\u2028\u2029])",
    "e": r"\x1b",
}
_ESCAPES_IN_CLASS: Mapping[str, str] = {"h": r" \t", "e": r"\x1b"}
_PROPERTIES: Mapping[str, str] = {"L": r"[^\W\d_]", "N": r"\d", "Nd": r"\d"}
_NOT_PROPERTIES: Mapping[str, str] = {"L": r"[\W\d_]", "N": r"\D", "Nd": r"\D"}
_POSIX: Mapping[str, str] = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "ascii": r"\x00-\x7f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\s",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
}
_POSIX_CLASS = re.compile(r"\[:(\w+):\]")
_FLAGS = re.compile(r"\(\?([imsx]*(?:-[imsx]+)?)\)")
_NAMED = re.compile(r"\(\?(?:<(?![=!])(\w+)>|'(\w+)')")
_BACK = re.compile(r"\\k(?:<(\w+)>|\{(\w+)\}|'(\w+)')")
_PROPERTY = re.compile(r"\\([pP])(?:\{(\w+)\}|(\w))")
_CODE_POINT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
_DOUBLED = "-&~|"  # doubled, these may mean set operations in a future Python


def to_python_regex(pattern: str) -> str:
    """Return an expression in Python's dialect; syntax that Python lacks is kept unchanged."""
    return _DialectWriter(pattern).write()


@dataclass(slots=True)
class _DialectWriter:
    """Converts an expression in one pass, group by group."""

    pattern: str
    position: int = 0
    output: list[str] = field(default_factory=list)
    opened: list[list[str]] = field(default_factory=lambda: [[]])  # by group: the flags set in the middle of it

    def write(self) -> str:
        while self.position < len(self.pattern):
            self._step()
        return "".join(self.output) + ")" * len(self.opened[-1])

    def _step(self) -> None:
        character = self.pattern[self.position]
        if character == "\\":
            self._escape()
        elif character == "[":
            self._class()
        elif character == "(":
            self._open()
        elif character == ")" and len(self.opened) > 1:
            self._take(1, ")" * len(self.opened.pop()) + ")")
        elif character == "|":
            flags = self.opened[-1]
            self._take(1, ")" * len(flags) + "|" + "".join(f"(?{letters}:" for letters in flags))
        else:
            self._take(1, character)

    def _take(self, length: int, text: str) -> None:
        self.position += length
        self.output.append(text)

    def _open(self) -> None:
        flags = _FLAGS.match(self.pattern, self.position)
        if flags is not None and flags[1] and (self.position or "-" in flags[1]):
            self.opened[-1].append(flags[1])
            self._take(len(flags[0]), f"(?{flags[1]}:")
            return
        if flags is not None:  # at the start they are Python's, too
            self._take(len(flags[0]), flags[0])
            return
        self.opened.append([])
        named = _NAMED.match(self.pattern, self.position)
        if named is not None:
            self._take(len(named[0]), f"(?P<{named[1] or named[2]}>")
        else:
            self._take(1, "(")

    def _escape(self) -> None:
        at = self.position
        if token := _QUOTED.match(self.pattern, at):
            self._take(len(token[0]), re.escape(token[1]))
        elif token := _BACK.match(self.pattern, at):
            self._take(len(token[0]), f"(?P={token[1] or token[2] or token[3]})")
        elif token := _PROPERTY.match(self.pattern, at):
            classes = _PROPERTIES if token[1] == "p" else _NOT_PROPERTIES
            self._take(len(token[0]), classes.get(token[2] or token[3], token[0]))
        elif token := _CODE_POINT.match(self.pattern, at):
            self._take(len(token[0]), f"\\U{int(token[1], 16):08x}")
        else:
            letter = self.pattern[at + 1 : at + 2]
            self._take(2, _ESCAPES.get(letter, f"\\{letter}"))

    def _class(self) -> None:
        """Convert a character set: brackets and doubled signs are escaped, POSIX names expanded."""
        start = re.compile(r"\[\^?\]?").match(self.pattern, self.position)
        text = start[0] if start else "["
        self._take(len(text), text.replace("]", "\\]"))
        while self.position < len(self.pattern):
            character = self.pattern[self.position]
            if character == "]":
                self._take(1, "]")
                return
            if character == "\\":
                self._escape_in_class()
            elif posix := _POSIX_CLASS.match(self.pattern, self.position):
                self._take(len(posix[0]), _POSIX.get(posix[1], f"\\{posix[0]}"))
            elif character == "[" or (character in _DOUBLED and self._is_doubled(character)):
                self._take(1, f"\\{character}")
            else:
                self._take(1, character)

    def _is_doubled(self, character: str) -> bool:
        previous = self.pattern[self.position - 1]
        return previous == character or self.pattern[self.position + 1 : self.position + 2] == character

    def _escape_in_class(self) -> None:
        if token := _CODE_POINT.match(self.pattern, self.position):
            self._take(len(token[0]), f"\\U{int(token[1], 16):08x}")
            return
        letter = self.pattern[self.position + 1 : self.position + 2]
        self._take(2, _ESCAPES_IN_CLASS.get(letter, f"\\{letter}"))
