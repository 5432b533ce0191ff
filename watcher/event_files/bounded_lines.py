"""Lines of a stream in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

LONGEST_LINE = 100_000_000
"""Bytes of a line; engines take no larger document."""
_PART = 1 << 20


class ReadableLines(Protocol):
    """A stream of bytes."""

    def read1(self, size: int, /) -> bytes:
        """Return the bytes of one read, at most so many; empty at the end."""
        ...

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or so much of it; empty at the end."""
        ...


class BoundedLines:
    """The lines of a stream; one that is too long is not kept, its number is, and an empty line takes its place."""

    def __init__(self, stream: ReadableLines, longest: int = LONGEST_LINE) -> None:
        self._stream = stream
        self._longest = longest
        self._begun = b""  # the beginning of the next line, which was read already
        self._too_long: list[int] = []
        self.number = 0
        """The number of the last line that was returned."""
        self.position = 0
        """The position in the stream after the last line that was returned."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if line := self._line():
            return line
        raise StopIteration

    def take(self, size: int) -> bytes:
        """Return the complete lines of one read of at most so many bytes, or one line that is longer.

        Empty at the end.
        """
        part = self._stream.read1(size)
        end = part.rfind(b"\n") + 1
        if not end:
            self._begun += part
            return self._line()
        lines, self._begun = b"".join((self._begun, memoryview(part)[:end])), part[end:]  # a single copy
        self.number += lines.count(b"\n")
        self.position += len(lines)
        return lines

    def _line(self) -> bytes:
        """Return the next line, or a line break in place of one that is too long; empty at the end."""
        line, self._begun = self._begun, b""
        line += self._stream.readline(max(self._longest - len(line), 1))
        if not line:
            return b""
        self.number += 1
        self.position += len(line)
        if len(line) < self._longest or line.endswith(b"\n"):
            return line
        while part := self._stream.readline(_PART):
            self.position += len(part)
            if part.endswith(b"\n"):
                break
        self._too_long.append(self.number)
        return b"\n"

    def take_too_long(self) -> tuple[int, ...]:
        """Return the numbers of the lines that were too long since the last call."""
        numbers, self._too_long = tuple(self._too_long), []
        return numbers
