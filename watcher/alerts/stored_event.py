"""Events of any size → what is stored of them: an event that is too large is shortened, and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from watcher.model import Event, EventDocument
from watcher.nesting import NOTE
from watcher.printable import truncate

LARGEST = 200_000
"""Characters of names and values that are stored of an event."""

_NUMBER = 20  # characters of a number, `true`, `false` or `null`, about

_STEPS = ((32_768, 1_000), (4_096, 200), (512, 50), (64, 20))
"""How events are shortened, until they fit: characters of a name or value, and entries of an object or array."""


def stored_event(document: EventDocument) -> Event:
    """Return the event of a document as it is stored; one that is too large is shortened, with a note.

    The note is under the name `watcher_note`, and names the document. The event may have 64 levels.
    """
    if not is_large(document.event):
        return document.event
    complete = f"the complete event is `{document.id}` in `{document.index}`"
    size = f"the event has more than {LARGEST:,} characters"
    shortened: Any = {}
    cut = ""
    for characters, entries in _STEPS:
        copy = _Shortener(characters=characters, entries=entries)
        shortened = copy.shortened(document.event)
        cut = f"values were cut after {characters:,} characters, objects and arrays after {entries:,} entries"
        if copy.room >= 0:
            return {**shortened, NOTE: f"{size}: {cut}; {complete}"}
    return {**shortened, NOTE: f"{size}: {cut}, and the rest was left out; {complete}"}


def is_large(event: Event) -> bool:
    """Whether an event has more characters than are stored; no more of it is read than that takes."""
    remaining = LARGEST
    for characters in _characters(event):
        remaining -= characters
        if remaining < 0:
            return True
    return False


def event_json(event: Event) -> str:
    """Return an event as one JSON string."""
    return json.dumps(event, ensure_ascii=False, default=str)


def omitted_event(document: Mapping[str, Any]) -> str:
    """Return what is stored in the place of an event that the state does not accept, as one JSON string."""
    hit = document["watcher"]["hit"]
    note = f"the state does not accept the event; the complete event is `{hit['id']}` in `{hit['index']}`"
    return event_json({NOTE: note})


def _characters(value: Any) -> Iterator[int]:
    """Yield the number of characters of each name and value below a node."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield len(name)
            yield from _characters(inner)
    elif isinstance(value, list):
        for entry in value:
            yield from _characters(entry)
    else:
        yield _length(value)


def _length(value: Any) -> int:
    """Return about how many characters a value takes that is neither object nor array."""
    if isinstance(value, str):
        return len(value)
    return max(_NUMBER, value.bit_length() // 3) if isinstance(value, int) else _NUMBER


@dataclass(slots=True, kw_only=True)
class _Shortener:
    """Copies an event without what is too long, and stops where the copy has too many characters."""

    characters: int  # of a name or value
    entries: int  # of an object or array
    room: int = LARGEST  # characters that the copy may still have; negative: something was left out

    def shortened(self, value: Any) -> Any:
        """Return a copy of a value."""
        if isinstance(value, Mapping):
            return dict(self._members(value))
        if isinstance(value, list):
            return list(self._values(value))
        short = truncate(value, self.characters) if isinstance(value, str) else value
        self.room -= _length(short)
        return short if self.room >= 0 else None

    def _members(self, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, inner in islice(value.items(), self.entries):
            short = truncate(name, self.characters)
            self.room -= len(short)
            if self.room < 0:
                return
            yield short, self.shortened(inner)

    def _values(self, value: list[Any]) -> Iterator[Any]:
        for entry in islice(value, self.entries):
            if self.room < 0:
                return
            yield self.shortened(entry)
