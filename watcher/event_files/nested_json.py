"""Decoder for JSON: a quick one first, then one for what it rejects: deep nesting, large numbers, comments."""

from __future__ import annotations

import json
import re
from json import JSONDecodeError
from typing import Any

import msgspec

_SPACE = re.compile(r"(?:[ \t\n\r]|/\*.*?\*/|//[^\n]*)*", re.DOTALL)  # Elasticsearch takes comments, and returns them
_TRIED = 9  # levels below which a value is not tried in C first: a search answer holds an event's values at the ninth


def loads(raw: bytes | str) -> Any:
    """Return the value of a JSON text of any depth.

    A number that Python has no number for is returned as it is written: engines index it as that text. The quick
    decoder keeps integers of any length exact, which not all of its kind do. Raises ValueError if the text is not JSON.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    text = raw.decode("utf-8", "surrogatepass") if isinstance(raw, bytes) else raw
    try:
        return _QUICK.decode(text)
    except (RecursionError, ValueError):
        return _Reader(text).read()


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return digits


def _decimal(digits: str) -> float | str:
    number = float(digits)
    return digits if number in (float("inf"), float("-inf")) else number


_QUICK = json.JSONDecoder(parse_float=_decimal, parse_constant=str)
_C = json.JSONDecoder(parse_int=_integer, parse_float=_decimal, parse_constant=str)


class _Reader:
    """Reads one JSON text with a stack of its own instead of recursion."""

    __slots__ = ("_at", "_names", "_opened", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._opened: list[dict[str, Any] | list[Any]] = []
        self._names: list[str] = []  # of the value that each opened object waits for

    def read(self) -> Any:
        """Return the value; raises JSONDecodeError if the text is not JSON."""
        self._skip()
        while True:
            value, is_open = self._begin()
            if is_open:
                self._open(value)
                continue
            while self._opened:
                self._put(value)
                if self._continues():
                    break
                value = self._opened.pop()
                self._names.pop()
            else:
                self._skip()
                if self._at != len(self._text):
                    raise self._fault("Extra data")
                return value

    def _begin(self) -> tuple[Any, bool]:
        """Return the value that begins here, and whether its members are still to be read."""
        first = self._text[self._at : self._at + 1]
        if first not in ("[", "{"):
            return self._in_c(), False
        if len(self._opened) < _TRIED:
            try:
                return self._in_c(), False
            except (RecursionError, JSONDecodeError):
                pass  # its members are read one after the other
        self._at += 1
        self._skip()
        value: dict[str, Any] | list[Any] = [] if first == "[" else {}
        if self._takes("]" if first == "[" else "}"):
            return value, False
        return value, True

    def _in_c(self) -> Any:
        value, self._at = _C.raw_decode(self._text, self._at)
        return value

    def _open(self, value: dict[str, Any] | list[Any]) -> None:
        self._opened.append(value)
        self._names.append(self._name() if isinstance(value, dict) else "")

    def _put(self, value: Any) -> None:
        holder = self._opened[-1]
        if isinstance(holder, dict):
            holder[self._names[-1]] = value
        else:
            holder.append(value)

    def _continues(self) -> bool:
        """Return whether another member follows in the innermost object or array; else read its end."""
        self._skip()
        holder = self._opened[-1]
        if self._takes(","):
            self._skip()
            if isinstance(holder, dict):
                self._names[-1] = self._name()
            return True
        if not self._takes("}" if isinstance(holder, dict) else "]"):
            raise self._fault("Expecting ',' delimiter")
        return False

    def _name(self) -> str:
        if self._text[self._at : self._at + 1] != '"':
            raise self._fault("Expecting property name enclosed in double quotes")
        name: str = self._in_c()
        self._skip()
        if not self._takes(":"):
            raise self._fault("Expecting ':' delimiter")
        self._skip()
        return name

    def _takes(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        if space is not None:
            self._at = space.end()

    def _fault(self, message: str) -> JSONDecodeError:
        return JSONDecodeError(message, self._text, self._at)
