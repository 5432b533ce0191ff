"""Parts of event files that are decoded independently, so that several processes can share the work on one file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from watcher.errors import InputError
from watcher.event_files.bounded_lines import LONGEST_LINE
from watcher.event_files.evtx import record_event
from watcher.event_files.evtx_xml import EvtxRecord
from watcher.event_files.json_forms import documents_in, event_in, is_plain_event
from watcher.event_files.nested_json import loads
from watcher.model import Event, Location

_FEW = 100  # faulty lines


class FileEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One event of a file; a struct, because files hold millions."""

    file: str
    number: int  # line of JSON lines, record of an event log, else position; 1-based
    event: Event

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


class EventChunk(Protocol):
    """A part of a file that holds complete events."""

    @property
    def end(self) -> int:
        """The position in the file up to which it was read."""
        ...

    def events(self) -> Iterator[FileEvent | InputError]:
        """Yield its events, or an InputError for each that cannot be read."""
        ...


class FilePlace(NamedTuple):
    """Where the lines of a chunk are in a file."""

    device: int
    inode: int
    start: int  # in bytes

    def read(self, file: str, size: int) -> bytes:
        """Return so many bytes; raises OSError where the file is no longer that file."""
        with open(file, "rb") as opened:  # noqa: PTH123 - a path object for each chunk takes its time
            status = os.fstat(opened.fileno())
            if (status.st_dev, status.st_ino) != (self.device, self.inode):
                raise OSError(errno.ESTALE, "it was replaced while it was read")
            opened.seek(self.start)
            content = opened.read(size)
        if len(content) < size:
            raise OSError(errno.EIO, "it became shorter while it was read")
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesChunk:
    """Some JSON lines; each may be an answer of a search with several events."""

    file: str
    number: int  # of its first line
    lines: bytes
    end: int
    too_long: tuple[int, ...] = ()  # numbers of lines that were not read
    place: FilePlace | None = None  # of these lines; None where the file does not hold them as they are

    def events(self) -> Iterator[FileEvent | InputError]:
        """Yield the events of each line."""
        for number in self.too_long:
            yield _fault(self.file, number, f"the line is longer than {LONGEST_LINE // 1_000_000} MB")
        for number, line in enumerate(BytesIO(self.lines), start=self.number):
            if not line.strip():
                continue
            try:
                value = loads(line)
            except ValueError as fault:
                yield _fault(self.file, number, f"the line is not JSON: {fault}")
                continue
            if is_plain_event(value):
                yield FileEvent(file=self.file, number=number, event=value)
                continue
            for document in documents_in(value) if isinstance(value, dict) else (value,):
                yield _event(document, self.file, number)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLines:
    """Some JSON lines that are read again from their file."""

    file: str
    number: int  # of its first line
    place: FilePlace
    size: int  # in bytes
    end: int

    def events(self) -> Iterator[FileEvent | InputError]:
        """Yield the events of each line."""
        try:
            lines = self.place.read(self.file, self.size)
        except OSError as fault:
            yield InputError(
                f"the file cannot be read: {fault.strerror or fault}",
                location=Location(file=self.file, line=self.number),
                fix="match a file that does not change",
                code="unreadable",
            )
            return
        yield from LinesChunk(file=self.file, number=self.number, lines=lines, end=self.end).events()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChunk:
    """A file of a single JSON value: an event, a list of events, or an answer of a search."""

    file: str
    text: bytes
    end: int

    def events(self) -> Iterator[FileEvent | InputError]:
        """Yield the events of the value."""
        try:
            value = loads(self.text)
        except ValueError as fault:
            if self._has_lines():
                yield from LinesChunk(file=self.file, number=1, lines=self.text, end=self.end).events()
                return
            line = getattr(fault, "lineno", 1)
            yield _fault(self.file, line, f"the file is neither JSON lines nor JSON: {fault}")
            return
        for number, document in enumerate(documents_in(value), start=1):
            yield _event(document, self.file, number)

    def _has_lines(self) -> bool:
        """Return whether lines are JSON objects, and few or at most half are not: then only those are faulty."""
        lines = [line for line in BytesIO(self.text) if line.strip()]
        objects = sum(map(is_json_object, lines))
        return objects > 0 and len(lines) - objects <= max(objects, _FEW)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsChunk:
    """Some records of a Windows event log."""

    file: str
    number: int  # of its first record
    records: tuple[EvtxRecord | InputError, ...]
    end: int

    def events(self) -> Iterator[FileEvent | InputError]:
        """Yield the event of each record."""
        for number, record in enumerate(self.records, start=self.number):
            event = record if isinstance(record, InputError) else record_event(self.file, number, record)
            yield (event if isinstance(event, InputError) else FileEvent(file=self.file, number=number, event=event))


def to_send(chunk: EventChunk) -> EventChunk:
    """Return a chunk of the same events for another process, which reads the lines itself where it can."""
    if not isinstance(chunk, LinesChunk) or chunk.place is None:
        return chunk
    return PlacedLines(file=chunk.file, number=chunk.number, place=chunk.place, size=len(chunk.lines), end=chunk.end)


def is_json_object(line: bytes) -> bool:
    """Return whether a line is a JSON object by itself."""
    try:
        return isinstance(loads(line), dict)
    except ValueError:
        return False


def _event(document: Any, file: str, number: int) -> FileEvent | InputError:
    try:
        event = event_in(document)
    except (KeyError, TypeError, AttributeError, ValueError) as fault:
        return _fault(file, number, f"the event lacks {fault}")
    if isinstance(event, dict):
        return FileEvent(file=file, number=number, event=event)
    return _fault(file, number, "this is not an event")


def _fault(file: str, number: int, message: str) -> InputError:
    return InputError(
        message,
        location=Location(file=file, line=number),
        fix="write one JSON document per line, as Winlogbeat ships it",
        code="unreadable",
    )
