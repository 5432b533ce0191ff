"""Reader of event files: JSON lines, JSON, both also gzipped, and Windows event logs (EVTX)."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from watcher.errors import InputError
from watcher.event_files.evtx import evtx_events
from watcher.event_files.json_forms import documents_in, event_in
from watcher.event_files.nested_json import loads
from watcher.model import Event, Location

SUFFIXES = (".evtx", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
"""The suffixes of event files in a folder."""

ReadProgress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent:
    """One event of a file."""

    file: str
    number: int  # line of JSON lines, record of an event log, else position; 1-based
    event: Event

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


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


def read_events(path: Path, progress: ReadProgress = lambda _: None) -> Iterator[FileEvent | InputError]:
    """Yield every event of a file, or an InputError for each that cannot be read.

    `progress` is called with the number of bytes read. Raises InputError if the file cannot be opened.
    """
    if path.name.lower().endswith(".evtx"):
        for number, event in enumerate(evtx_events(path, progress), start=1):
            yield event if isinstance(event, InputError) else FileEvent(file=str(path), number=number, event=event)
        return
    try:
        with path.open("rb") as raw:
            lines: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if _is_gzip(raw) else raw
            yield from read_json(_counted(lines, raw, progress), file=str(path))
    except (OSError, EOFError) as fault:
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


def _counted(lines: Iterable[bytes], raw: IO[bytes], progress: ReadProgress) -> Iterator[bytes]:
    for line in lines:
        yield line
        progress(raw.tell())


# --------------------------------------------------------------------------- JSON


def read_json(lines: Iterator[bytes], *, file: str) -> Iterator[FileEvent | InputError]:
    """Yield the events of JSON lines, or of one JSON value; each may be an answer of a search with several events."""
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    number, first = next(numbered, (1, b""))
    try:
        is_lines = isinstance(loads(first or b"{}"), dict)
    except ValueError:
        is_lines = False
    if not is_lines:
        yield from _json_value(b"\n" * (number - 1) + first + b"".join(line for _, line in numbered), file)
        return
    if first:
        yield from _line(first, file, number)
    for number, line in numbered:
        yield from _line(line, file, number)


def _line(line: bytes, file: str, number: int) -> Iterator[FileEvent | InputError]:
    try:
        value = loads(line)
    except ValueError as fault:
        yield _fault(file, number, f"the line is not JSON: {fault}")
        return
    for document in documents_in(value) if isinstance(value, dict) else (value,):
        yield _event(document, file, number)


def _json_value(text: bytes, file: str) -> Iterator[FileEvent | InputError]:
    try:
        value = loads(text)
    except ValueError as fault:
        yield _fault(file, getattr(fault, "lineno", 1), f"the file is neither JSON lines nor JSON: {fault}")
        return
    for number, document in enumerate(documents_in(value), start=1):
        yield _event(document, file, number)


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
