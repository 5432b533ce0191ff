"""Files of events → events: JSON lines, JSON, both packed with gzip, and Windows event logs (EVTX)."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from watcher.errors import InputError
from watcher.event_files.evtx import evtx_document, evtx_events
from watcher.event_files.nested_json import loads
from watcher.model import Event, Location

SUFFIXES = (".evtx", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
"""What the names of files of events end with, where a folder is searched for them."""

ReadProgress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent:
    """One event of a file."""

    file: str
    number: int  # the line of JSON lines, the record of an event log, else the position; 1-based
    event: Event

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


def event_files(path: Path) -> tuple[Path, ...]:
    """Give the files of events below a folder, sorted, or the one file that the path names.

    Raises InputError where there are none.
    """
    if path.is_file():
        return (path,)
    found = tuple(sorted(one for one in path.rglob("*") if one.is_file() and one.name.lower().endswith(SUFFIXES)))
    if not found:
        reason = "holds no file of events" if path.exists() else "does not exist"
        raise InputError(f"`{path}` {reason}", fix=f"name a file, or a folder with {', '.join(SUFFIXES[:4])}")
    return found


def read_events(path: Path, progress: ReadProgress = lambda _: None) -> Iterator[FileEvent | InputError]:
    """Read every event of a file; what cannot be read is given as the fault that it is, and the rest goes on.

    `progress` is told how many bytes of the file are done. Raises InputError where the file cannot be opened.
    """
    if path.name.lower().endswith(".evtx"):
        for number, found in enumerate(evtx_events(path, progress), start=1):
            yield found if isinstance(found, InputError) else FileEvent(file=str(path), number=number, event=found)
        return
    try:
        with path.open("rb") as raw:
            lines: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if _is_packed(raw) else raw
            yield from read_json(_counted(lines, raw, progress), file=str(path))
    except (OSError, EOFError) as fault:
        raise InputError(
            f"the file cannot be read: {getattr(fault, 'strerror', None) or fault}",
            location=Location(file=str(path), line=1),
            fix="let watcher read it",
            code="unreadable",
        ) from None


def _is_packed(raw: IO[bytes]) -> bool:
    start = raw.read(2)
    raw.seek(0)
    return start == b"\x1f\x8b"


def _counted(lines: Iterable[bytes], raw: IO[bytes], progress: ReadProgress) -> Iterator[bytes]:
    for line in lines:
        yield line
        progress(raw.tell())


# --------------------------------------------------------------------------- JSON


def read_json(lines: Iterator[bytes], *, file: str) -> Iterator[FileEvent | InputError]:
    """Read JSON lines, or one JSON text: a document, a list of them, or the answer of a search."""
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    number, first = next(numbered, (1, b""))
    try:
        is_lines = isinstance(loads(first or b"{}"), dict)
    except ValueError:
        is_lines = False
    if not is_lines:
        yield from _whole(b"\n" * (number - 1) + first + b"".join(line for _, line in numbered), file)
        return
    if first:
        yield from _line(first, file, number)
    for number, line in numbered:
        yield from _line(line, file, number)


def _line(line: bytes, file: str, number: int) -> Iterator[FileEvent | InputError]:
    try:
        yield from _unwrapped(loads(line), file, number)
    except ValueError as fault:
        yield _fault(file, number, f"the line is no JSON: {fault}")


def _whole(text: bytes, file: str) -> Iterator[FileEvent | InputError]:
    try:
        found = loads(text)
    except ValueError as fault:
        yield _fault(file, getattr(fault, "lineno", 1), f"the file is neither JSON lines nor JSON: {fault}")
        return
    for number, one in enumerate(_listed(found), start=1):
        yield from _unwrapped(one, file, number)


def _listed(found: Any) -> list[Any]:
    if isinstance(found, dict) and isinstance(found.get("hits"), dict):
        hits = found["hits"].get("hits")
        return hits if isinstance(hits, list) else []
    return found if isinstance(found, list) else [found]


def _unwrapped(found: Any, file: str, number: int) -> Iterator[FileEvent | InputError]:
    """Take the event out of what it came in: a search hit, a test case, the XML of an event as JSON."""
    if isinstance(found, dict) and isinstance(found.get("_source"), dict):
        found = found["_source"]
    if isinstance(found, dict) and "expect" in found and isinstance(found.get("event"), dict):
        found = found["event"]
    if isinstance(found, dict) and isinstance(found.get("Event"), dict) and "System" in found["Event"]:
        try:
            found = evtx_document(found["Event"])
        except (KeyError, TypeError, AttributeError) as fault:
            yield _fault(file, number, f"the event lacks {fault}")
            return
    if isinstance(found, dict):
        yield FileEvent(file=file, number=number, event=found)
    else:
        yield _fault(file, number, "this is no event")


def _fault(file: str, number: int, message: str) -> InputError:
    return InputError(
        message,
        location=Location(file=file, line=number),
        fix="write one JSON document a line, as Winlogbeat ships it",
        code="unreadable",
    )
