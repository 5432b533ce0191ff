"""Lines of a stream in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

LONGEST_LINE = 100_000_000
"""Bytes of a line; engines take no larger document."""
_PART = 1 << 20


class ReadableLines(Protocol):
    """A stream of bytes."""

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or so much of it; empty at the end."""
        ...


class BoundedLines:
    """The lines of a stream; one that is too long is not kept, its number is, and an empty line takes its place."""

    def __init__(self, stream: ReadableLines, longest: int = LONGEST_LINE) -> None:
        self._stream = stream
        self._longest = longest
        self._number = 0
        self._too_long: list[int] = []

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self._stream.readline(self._longest)
        if not line:
            raise StopIteration
        self._number += 1
        if len(line) < self._longest or line.endswith(b"\n"):
            return line
        while (part := self._stream.readline(_PART)) and not part.endswith(b"\n"):
            pass
        self._too_long.append(self._number)
        return b"\n"

    def take_too_long(self) -> tuple[int, ...]:
        """Return the numbers of the lines that were too long since the last call."""
        numbers, self._too_long = tuple(self._too_long), []
        return numbers
