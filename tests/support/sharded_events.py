"""Events in indices of several shards that number their writes, each visible from some moment on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from support.fakes import ArrivingEvents, ListedEvents, event
from watcher.model import EventDocument, Window
from watcher.timestamps import format_timestamp


@dataclass
class Written:
    """A version of an event, and when searches see it."""

    document: EventDocument
    shard: int
    number: int
    visible: datetime
    gone: datetime | None = None  # where it was deleted or written again


@dataclass
class ShardedEvents(ArrivingEvents):
    """The EventSource port over what was written to shards."""

    written: list[Written] = field(default_factory=list)
    numbers: Counter[tuple[str, int]] = field(default_factory=Counter)  # next number of each shard
    _numbered: dict[int, int] = field(default_factory=dict)  # id of a document's object → its number

    def write(
        self, moment: datetime, *, shard: int = 0, index: str = "winlogbeat-1", hidden: timedelta = timedelta(0)
    ) -> Written:
        """Write an event of a time, which searches see after a while."""
        return self._write(f"e{len(self.written)}", moment, shard, index, hidden)

    def update(self, earlier: Written, *, hidden: timedelta = timedelta(0)) -> None:
        """Write an event again: it has the same id and time, and a new number."""
        document = earlier.document
        moment = self.moment(document)
        earlier.gone = self.time + hidden
        self._write(document.id, moment, earlier.shard, document.index, hidden)

    def delete(self, earlier: Written) -> None:
        """Delete an event; that has a number too."""
        earlier.gone = earlier.gone or self.time
        self.numbers[earlier.document.index, earlier.shard] += 1

    def visible(self) -> list[EventDocument]:
        """Return what searches see now."""
        return [
            entry.document
            for entry in self.written
            if entry.visible <= self.time and (entry.gone is None or entry.gone > self.time)
        ]

    def searchable(self) -> list[EventDocument]:
        return self.visible()

    def shard(self, document: EventDocument) -> int:
        return next(entry.shard for entry in self.written if entry.document is document)

    def number(self, document: EventDocument) -> int:
        return self._numbered[id(document)]

    @contextmanager
    def open(
        self, pattern: str, window: Window, *, time_field: str, without: Mapping[str, str] | None = None
    ) -> Iterator[ListedEvents]:
        self.arriving = [(self.time, document) for document in self.visible()]
        with super().open(pattern, window, time_field=time_field, without=without) as opened:
            yield opened

    def _write(self, name: str, moment: datetime, shard: int, index: str, hidden: timedelta) -> Written:
        number = self.numbers[index, shard]
        self.numbers[index, shard] += 1
        document = EventDocument(index=index, id=name, event=event(format_timestamp(moment)))
        entry = Written(document=document, shard=shard, number=number, visible=self.time + hidden)
        self.written.append(entry)
        self._numbered[id(document)] = number
        return entry
