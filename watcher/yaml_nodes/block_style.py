"""Nodes of YAML in plain block style, line by line: nearly all rules are written in it.

A regular expression splits a text into lines, which takes a fraction of the time of libyaml's events. It knows keys
of letters, digits and `_ | . -`, lists, values of one line with or without quotes, literal blocks and comments. Of a
text that has anything else this module reads nothing, and libyaml reads it all: no text has two meanings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from watcher.model import Location
from watcher.yaml_nodes.nodes import ListNode, MapNode, MappingEntry, ScalarNode, ScalarValue, YamlNode
from watcher.yaml_nodes.plain_scalars import NOT_ALWAYS_STRINGS, plain_value

_LINES = re.compile(
    r"""
    (?:
        (\ *+)                                        # indentation
        (-\ ++)?                                      # dash of a list
        (?:(\w[\w|.\-]{0,200}+)(:(?=[ \n])\ *+))?     # key (YAML allows 1,024 bytes) and colon
        (
            '[^'\n]*+(?:''[^'\n]*+)*+'
            | "[^"\\\n]*+"
            | \|-?+(?=[ \n])                          # a literal block follows
            | (?:[^\s'"&*!|>%@`\#,\[\]{}?:\-]|-(?=[^ \n]))[^\n:\#]*+(?:(?::(?=[^ \n])|(?<!\ )\#)[^\n:\#]*+)*+
        )?
        \ *+(?:(?<![^ \n])\#[^\n]*+)?                 # comment
        | ([^\n]++)                                   # anything else
    )\n
    """,
    re.VERBOSE,
).findall
_OTHER_CHARACTERS = "\t\r\x85\u2028\u2029\ufeff"  # tabs, further line breaks of YAML, the byte order mark
_MOST_LINES = 20_000  # of four nodes at most, which are fewer than a document may have
_MOST_LEVELS = 20

_Line = tuple[str, str, str, str, str, str]  # indentation, dash, key, colon, value, anything else
_END: _Line = ("", "", "", "", "", "end")


class _OtherStyleError(Exception):
    """The text has something that this module does not read."""


def read_block_style(text: str, *, file: str) -> tuple[YamlNode, int] | None:
    """Return the only document of a text and the line (from 0) where it starts, None if libyaml must read it."""
    if any(character in text for character in _OTHER_CHARACTERS):
        return None
    lines: list[_Line] = _LINES(text if text.endswith("\n") else text + "\n")
    if len(lines) > _MOST_LINES:
        return None
    try:
        return _BlockReader(text, lines, file).document()
    except _OtherStyleError:
        return None


class _BlockReader:
    """Reads the lines of a text from the first one on. A line that fits no open collection ends all of them."""

    __slots__ = ("_file", "_levels", "_lines", "_number", "_text")

    def __init__(self, text: str, lines: Sequence[_Line], file: str) -> None:
        self._text = text
        self._lines = [*lines, _END]
        self._file = file
        self._number = 0  # of the next line
        self._levels = 0

    def document(self) -> tuple[YamlNode, int]:
        """Read the document; raises _OtherStyleError where lines remain."""
        indentation, dash, key, *_ = self._next_line()
        start = self._number
        node = self._collection(len(indentation), dash, key)
        if self._next_line() is not _END:
            raise _OtherStyleError
        return node, start

    def _next_line(self) -> _Line:
        """Move to the next line that is neither empty nor a comment, and return it."""
        while not any((line := self._lines[self._number])[1:]):
            self._number += 1
        return line

    def _collection(self, column: int, dash: str, key: str) -> YamlNode:
        """Read the list or mapping that starts in the next line, in a column (from 0)."""
        self._levels += 1
        if self._levels > _MOST_LEVELS or not (dash or key):
            raise _OtherStyleError
        node = self._list(column) if dash else self._mapping(column)
        self._levels -= 1
        return node

    def _list(self, column: int) -> ListNode:
        lines, items = self._lines, []
        location = Location(file=self._file, line=self._number + 1, column=column + 1)
        indentation, dash, key, _, value, _ = lines[self._number]
        own_indentation = indentation
        while dash and indentation == own_indentation:
            inner = column + len(dash)
            if key:
                items.append(self._collection(inner, "", key))
            else:
                self._number += 1
                items.append(self._scalar(value, inner, column))
            indentation, dash, key, _, value, _ = lines[self._number]
            if not dash and not key:
                indentation, dash, key, _, value, _ = self._next_line()
        return ListNode(items=tuple(items), location=location)

    def _mapping(self, column: int) -> MapNode:
        """Read the mapping whose keys are in a column (from 0); the first key may follow the dash of a list."""
        file, lines, entries = self._file, self._lines, []
        location = Location(file=file, line=self._number + 1, column=column + 1)
        own_indentation = " " * column
        _, _, key, colon, value, _ = lines[self._number]
        while key:
            self._number += 1
            key_location = Location(file=file, line=self._number, column=column + 1)
            after = column + len(key)
            node = self._scalar(value, after + len(colon), column) if value else self._below(column, after + 1)
            name = plain_value(key) if key[0] in NOT_ALWAYS_STRINGS else key
            entries.append(MappingEntry(key=name, key_text=key, key_location=key_location, value=node))
            indentation, dash, key, colon, value, _ = lines[self._number]
            if not key and not dash:
                indentation, dash, key, colon, value, _ = self._next_line()
            if dash or indentation != own_indentation:
                break
        return MapNode(entries=tuple(entries), location=location)

    def _below(self, column: int, after: int) -> YamlNode:
        """Read what is below the key of a column: a collection, or nothing, which is null."""
        key_line = self._number
        indentation, dash, key, _, _, _ = self._lines[key_line]
        if not key and not dash:
            indentation, dash, key, _, _, _ = self._next_line()
        inner = len(indentation)
        if inner > column or (inner == column and dash):
            return self._collection(inner, dash, key)
        location = Location(file=self._file, line=key_line, column=after + 1)
        return ScalarNode(value=None, text="", quoted=False, location=location)

    def _scalar(self, text: str, column: int, parent: int) -> ScalarNode:
        """Read a value of the line that was just taken, or the literal block that follows it."""
        location = Location(file=self._file, line=self._number, column=column + 1)
        first = text[:1]
        if first == "'":
            text = text[1:-1]
            if "'" in text:
                text = text.replace("''", "'")
        elif first == '"':
            text = text[1:-1]
        elif first == "|":
            text = self._literal(parent, text)
        elif first:
            text = text.rstrip(" ")
            value: ScalarValue = plain_value(text) if first in NOT_ALWAYS_STRINGS else text
            return ScalarNode(value=value, text=text, quoted=False, location=location)
        else:  # a dash alone
            raise _OtherStyleError
        return ScalarNode(value=text, text=text, quoted=True, location=location)

    def _literal(self, parent: int, header: str) -> str:
        """Read a literal block; its lines are indented as the first one with text, and more than their parent."""
        lines = self._text.split("\n")
        start = end = self._number
        first = next((line for line in lines[start:] if line.strip(" ")), "")
        indentation = len(first) - len(first.lstrip(" "))
        while end < len(lines) and not lines[end][:indentation].strip(" "):
            end += 1
        self._number = min(end, len(self._lines) - 1)
        blank = lines[start : lines.index(first, start)] if first else lines[start:]
        if indentation <= parent or any(len(line) > indentation for line in blank) or not lines[-1] == "":
            raise _OtherStyleError
        text = "\n".join(line[indentation:] for line in lines[start:end]).rstrip("\n")
        return text if header.endswith("-") else text + "\n"
