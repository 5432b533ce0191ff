"""Reader of event files: JSON lines, JSON, both also gzipped, and Windows event logs (EVTX)."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO

from watcher.errors import InputError
from watcher.event_files.bounded_lines import BoundedLines
from watcher.event_files.event_chunks import (
    EventChunk,
    FileEvent,
    FilePlace,
    LinesChunk,
    RecordsChunk,
    ValueChunk,
    is_json_object,
)
from watcher.event_files.evtx import evtx_records
from watcher.event_files.evtx_xml import EvtxRecord
from watcher.model import Location

SUFFIXES = (".evtx", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
"""The suffixes of event files in a folder."""

ReadProgress = Callable[[int], None]
_CHUNK = 1 << 20  # bytes: some hundred events, which take longer to match than to send to another process
_PACKED = 10  # times that gzip makes events smaller
_LOOKED_AT = 100  # lines, among which a file whose first line is faulty has a JSON object
_LARGEST_VALUE = 500_000_000  # bytes of a file of one JSON value, which is in memory as a whole
_OPEN = (b"[", b"{", b",", b":")  # a line that ends so is continued by the next
_READ_FAULTS = (OSError, EOFError, zlib.error)


def event_files(path: Path) -> tuple[Path, ...]:
    """Return the event files below a folder, sorted, or the file itself.

    Raises InputError if there are none.
    """
    if path.is_file():
        return (path,)
    files = tuple(sorted(file for file in path.rglob("*") if file.is_file() and file.name.lower().endswith(SUFFIXES)))
    if not files:
        reason = "contains no event file" if path.exists() else "does not exist"
        raise InputError(f"`{path}` {reason}", fix=f"name a file, or a folder with {', '.join(SUFFIXES[:4])}")
    return files


def read_size(path: Path) -> int:
    """Return about how many bytes of events a file holds, without reading it."""
    size = path.stat().st_size
    return size * _PACKED if path.name.lower().endswith(".gz") else size


def read_events(path: Path, progress: ReadProgress = lambda _: None) -> Iterator[FileEvent | InputError]:
    """Yield every event of a file, or an InputError for each that cannot be read.

    `progress` is called with the number of bytes read. Raises InputError if the file cannot be opened.
    """
    for chunk in event_chunks(path):
        yield from chunk.events()
        progress(chunk.end)


def event_chunks(path: Path) -> Iterator[EventChunk]:
    """Yield the chunks of a file, of which only the current one is in memory.

    A file of a single JSON value is one chunk. Raises InputError if the file cannot be opened.
    """
    if path.name.lower().endswith(".evtx"):
        yield from _evtx_chunks(path)
        return
    try:
        with path.open("rb") as raw:
            is_packed = _is_gzip(raw)
            opened = _Json(
                file=str(path),
                lines=BoundedLines(gzip.GzipFile(fileobj=raw) if is_packed else raw),
                position=raw.tell,
                place=None if is_packed else _place(raw),
            )
            yield from opened.chunks()
    except _READ_FAULTS as fault:
        raise InputError(
            f"the file cannot be read: {getattr(fault, 'strerror', None) or fault}",
            location=Location(file=str(path), line=1),
            fix="allow watcher to read it",
            code="unreadable",
        ) from None


def _is_gzip(raw: IO[bytes]) -> bool:
    start = raw.read(2)
    raw.seek(0)
    return start == b"\x1f\x8b"


def _place(raw: IO[bytes]) -> FilePlace | None:
    """Return the beginning of a file; None for a pipe, which can be read only once."""
    status = os.fstat(raw.fileno())
    return FilePlace(status.st_dev, status.st_ino, start=0) if stat.S_ISREG(status.st_mode) else None


def _evtx_chunks(path: Path) -> Iterator[EventChunk]:
    records: list[EvtxRecord | InputError] = []
    number, size, end = 1, 0, 0

    def chunk() -> RecordsChunk:
        return RecordsChunk(file=str(path), number=number, records=tuple(records), end=end)

    try:
        for record, position in evtx_records(path):
            if size >= _CHUNK:
                yield chunk()
                number, size, records = number + len(records), 0, []
            records.append(record)
            size += len(record) if isinstance(record, EvtxRecord) else 0
            end = position
    except InputError:
        yield chunk()  # what was read before the fault
        raise
    yield chunk()


# --------------------------------------------------------------------------- JSON


def read_json(stream: IO[bytes], *, file: str) -> Iterator[FileEvent | InputError]:
    """Yield the events of JSON lines, or of one JSON value; each may be an answer of a search with several events."""
    lines = BoundedLines(stream)  # type: ignore[arg-type] # streams of bytes have `read1`, which their type lacks
    for chunk in _Json(file=file, lines=lines).chunks():
        yield from chunk.events()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Json:
    """JSON lines, or one JSON value."""

    file: str
    lines: BoundedLines
    position: Callable[[], int] = lambda: 0  # in the file
    place: FilePlace | None = None  # of the first line; None where the file does not hold the lines as they are

    def chunks(self) -> Iterator[EventChunk]:
        lines, file = self.lines, self.file
        number, first = next(((number, line) for number, line in enumerate(lines, start=1) if line.strip()), (1, b""))
        if not first:
            yield self._chunk(1, (), 0)
            return
        begun = [first]
        if not is_json_object(first):
            begun.extend(islice(lines, _LOOKED_AT))
            if not _are_lines(begun):
                yield ValueChunk(file=file, text=_value(number, begun, lines, file), end=self.position())
                return
        yield from self._line_chunks(begun, number)

    def _line_chunks(self, begun: Sequence[bytes], number: int) -> Iterator[EventChunk]:
        lines, kept, size = self.lines, list(begun), sum(map(len, begun))
        start, next_number, next_start = lines.position - size, lines.number + 1, lines.position
        try:
            while some := lines.take(_CHUNK):
                if size >= _CHUNK // 2:  # a read mostly returns a chunk less the beginning of a line
                    yield self._chunk(number, kept, start)
                    number, start, size, kept = next_number, next_start, 0, []
                kept.append(some)
                size += len(some)
                next_number, next_start = lines.number + 1, lines.position
        except _READ_FAULTS:
            yield self._chunk(number, kept, start)  # what was read before the fault
            raise
        yield self._chunk(number, kept, start)

    def _chunk(self, number: int, lines: Iterable[bytes], start: int) -> LinesChunk:
        too_long = self.lines.take_too_long()
        return LinesChunk(
            file=self.file,
            number=number,
            lines=b"".join(lines),
            end=self.position(),
            too_long=too_long,
            place=None if self.place is None or too_long else self.place._replace(start=start),
        )


def _are_lines(lines: Sequence[bytes]) -> bool:
    """Return whether lines are JSON lines of which the first is faulty, and not the beginning of one JSON value."""
    first = lines[0].strip()
    if first.startswith(b"[") or first.endswith(_OPEN):
        return False
    return any(line.startswith(b"{") and is_json_object(line) for line in lines)


def _value(number: int, begun: Iterable[bytes], lines: Iterable[bytes], file: str) -> bytes:
    """Return the text of a file of one JSON value, with empty lines in place of those before it."""
    parts, size = [b"\n" * (number - 1)], 0
    for line in chain(begun, lines):
        parts.append(line)
        size += len(line)
        if size > _LARGEST_VALUE:
            raise InputError(
                f"the file is one JSON value of more than {_LARGEST_VALUE // 1_000_000} MB, or no JSON",
                location=Location(file=file, line=number),
                fix="write one JSON document per line, as Winlogbeat ships it",
                code="unreadable",
            )
    return b"".join(parts)
