"""Fakes of the ports: a cluster that answers from a list, a clock, and a channel with given errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from watcher.alerts.grouping import GroupedHit, event_time, group
from watcher.errors import ClusterError
from watcher.match.event_view import EventView
from watcher.model import EventDocument, Notification, QueryPlan, Rule, UnsearchableIndex, Window
from watcher.ports import (
    EventSpan,
    EventVolume,
    FieldType,
    Incarnation,
    IndexMapping,
    IndexMarks,
    MarkedIndex,
    NewerEvents,
    Page,
    SearchRequest,
    Server,
    Tallies,
    Tally,
    WrittenBytes,
)
from watcher.settings.effective import RuleSettings
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_folders import read_file
from watcher.timestamps import parse_timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SERVER = Server(engine="opensearch", version="3.6.0")
RULE = """\
title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
status: test
level: high
tags: [attack.execution, attack.t1059]
author: A. Author
logsource: {product: windows, category: process_creation}
detection:
  selection:
    CommandLine|contains: shell
  condition: selection
"""


def rule(text: str = RULE, **changes: Any) -> Rule:
    """Read a rule."""
    rules, findings = read_file(text, file="rule.yml", origin=RuleOrigin(folder="own", path="rule.yml"))
    assert rules, findings
    return replace(rules[0], **changes)


def plan(**changes: Any) -> QueryPlan:
    """Create a plan of the rule."""
    return replace(QueryPlan(rule=rule(), source="windows", query={"match_all": {}}, exact=True), **changes)


def effective(**changes: Any) -> RuleSettings:
    """Create the effective settings of a rule."""
    settings = RuleSettings(
        enabled=True,
        group_by=("host.name",),
        quiet_period=timedelta(hours=1),
        channels=("mail", "slack"),
        origins={},
    )
    return replace(settings, **changes)


def event(time: str = "2026-11-23T11:59:30.000Z", host: str | None = "WEB01", **data: str) -> dict[str, Any]:
    """Return an event of a process that starts a shell."""
    values = {"CommandLine": "a shell", **data}
    document = {"@timestamp": time, "event": {"code": "4688"}, "winlog": {"channel": "Security", "event_data": values}}
    return document if host is None else {**document, "host": {"name": host}}


def event_document(number: int = 1, **changes: Any) -> EventDocument:
    """Return a document as a search returns it."""
    return EventDocument(index="winlogbeat-1", id=f"e{number}", event=event(**changes))


def grouped_hit(rule: Rule, settings: RuleSettings, document: EventDocument) -> GroupedHit:
    """Group a hit on a document to which the mapping adds nothing."""
    return group(rule, settings, document, EventView(document.event))


@dataclass
class ListedEvents:
    """The EventSource port over a list of documents: every query returns all of them."""

    documents: Sequence[EventDocument] = ()
    answers: list[Page | ClusterError] = field(default_factory=list)  # instead, one after another
    indices: tuple[str, ...] = ("winlogbeat-1",)
    time: datetime = NOW
    windows: list[Window] = field(default_factory=list)  # that were opened
    incarnations: Mapping[str, Incarnation] | None = None  # None: every index has been the same all the time
    read: list[EventDocument] = field(default_factory=list)  # that searches returned
    bad: dict[str, str] = field(default_factory=dict)  # indices that cannot be searched → why
    writes: WrittenBytes | None = None  # of the cluster

    def now(self) -> datetime:
        return self.time

    def written_bytes(self, pattern: str) -> WrittenBytes | None:  # noqa: ARG002 - the port's names
        return self.writes

    @property
    def unsearchable(self) -> tuple[UnsearchableIndex, ...]:
        """The indices that searches leave out."""
        return tuple(UnsearchableIndex(index=index, reason=reason) for index, reason in sorted(self.bad.items()))

    def mapping(self, pattern: str, paths: Sequence[str], *, without: Collection[str] = ()) -> IndexMapping:  # noqa: ARG002 - the port's names
        fields = {path: (FieldType(type="keyword"),) for path in paths}
        incarnations = (
            dict.fromkeys(self.indices, Incarnation(uuid="first", primary_terms=(1,)))
            if self.incarnations is None
            else self.incarnations
        )
        return IndexMapping(
            pattern=pattern, server=SERVER, indices=self.indices, fields=fields, incarnations=incarnations
        )

    @contextmanager
    def open(
        self,
        pattern: str,  # noqa: ARG002 - the port's names
        window: Window,
        *,
        time_field: str,  # noqa: ARG002
        without: Mapping[str, str] | None = None,
    ) -> Iterator[ListedEvents]:
        self.windows.append(window)
        if not self.bad and not without:
            yield self
            return
        opened = copy(self)
        opened.bad = {**self.bad, **(without or {})}
        opened.documents = [document for document in self.documents if document.index not in opened.bad]
        yield opened

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        return [self.answers.pop(0) if self.answers else self._page(ask) for ask in requests]

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        window = self.windows[-1]
        counted: Counter[datetime] = Counter()
        for document in self.documents:
            moment = parse_timestamp(str(document.event.get("@timestamp")))
            if moment is not None and window.start <= moment < window.end:
                counted[EPOCH + (moment - EPOCH) // step * step] += 1
        return counted

    def tallies(self, step: timedelta) -> Tallies:
        tallies: dict[tuple[str, datetime], Tally] = {}
        for document in self.documents:
            moment, number = self.moment(document), self.number(document)
            start = EPOCH + (moment - EPOCH) // step * step
            previous = tallies.get((document.index, start), Tally(events=0, total=0, highest=0, milliseconds=0))
            tallies[document.index, start] = Tally(
                events=previous.events + 1,
                total=previous.total + number,
                highest=max(previous.highest or 0, number),
                milliseconds=(previous.milliseconds or 0) + (moment - start) // timedelta(milliseconds=1),
            )
        return tallies

    def limited_to(self, spans: Sequence[EventSpan]) -> ListedEvents:
        """Return the same, limited: what it reads is recorded here."""
        limited = copy(self)
        limited.documents = [document for document in self.documents if any(self._is_in(document, s) for s in spans)]
        return limited

    def moment(self, document: EventDocument) -> datetime:
        """Return the time of an event."""
        return event_time(EventView(document.event), "@timestamp")

    def number(self, document: EventDocument) -> int:
        """Return the sequence number of an event: events are listed in the order of their arrival."""
        return next(n for n, listed in enumerate(self.documents) if listed is document)

    def searchable(self) -> Sequence[EventDocument]:
        """Return the events of all times."""
        return self.documents

    def shard(self, document: EventDocument) -> int:  # noqa: ARG002 - of an index with a single shard
        """Return the shard that holds an event."""
        return 0

    def _is_in(self, document: EventDocument, span: EventSpan) -> bool:
        return (
            span.window.start <= self.moment(document) < span.window.end
            and (not span.indices or document.index in span.indices)
            and (span.above is None or self.number(document) > span.above)
        )

    def _page(self, ask: SearchRequest) -> Page:
        start = ask.after[0] if ask.after else 0
        part = tuple(self.documents[start : start + ask.size])
        self.read.extend(part)
        after = (start + len(part),) if len(part) == ask.size else None
        return Page(documents=part, total=None if ask.after else len(self.documents), after=after)


@dataclass
class ListedCounts:
    """The EventCounts port over the documents of a list."""

    events: ListedEvents = field(default_factory=ListedEvents)
    counted: tuple[EventVolume, ...] = ()

    def count(self, pattern: str, windows: Sequence[Window], *, time_field: str) -> Sequence[int]:
        counted = []
        for window in windows:
            with self.events.open(pattern, window, time_field=time_field) as opened:
                counted.append(sum(opened.counts(timedelta(minutes=5)).values()))
        return counted

    def newer(self, indices: Sequence[MarkedIndex], step: timedelta, *, time_field: str) -> Sequence[NewerEvents]:  # noqa: ARG002 - the port's names
        return [self._newer(entry, step) for entry in indices]

    def _newer(self, entry: MarkedIndex, step: timedelta) -> NewerEvents:
        numbers, newest = list(entry.marks.numbers), entry.marks.newest
        counts: Counter[datetime] = Counter()
        for document in self.events.searchable():
            shard, number = self.events.shard(document), self.events.number(document)
            if document.index == entry.index and number > entry.marks.numbers[shard]:
                moment = self.events.moment(document)
                counts[EPOCH + (moment - EPOCH) // step * step] += 1
                numbers[shard] = max(numbers[shard], number)
                newest = moment if newest is None else max(newest, moment)
        return NewerEvents(
            marks=IndexMarks(uuid=entry.marks.uuid, numbers=tuple(numbers), newest=newest), counts=counts
        )

    def volumes(self, pattern: str, window: Window, *, time_field: str) -> Sequence[EventVolume]:  # noqa: ARG002 - the port's names
        return self.counted


@dataclass
class FakeClock:
    """A clock whose time passes only in waits, or by a step with each reading of the monotonic time."""

    at: float = 0.0
    step: float = 0.0
    start: datetime = NOW
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        self.at += self.step
        return self.at

    def wait(self, seconds: float, stopping: Callable[[], bool] = lambda: False) -> None:
        if seconds > 0 and not stopping():
            self.waits.append(seconds)
            self.at += seconds


@dataclass
class ArrivingEvents(ListedEvents):
    """The EventSource port over documents that become searchable at given moments."""

    arriving: list[tuple[datetime, EventDocument]] = field(default_factory=list)  # searchable from, document
    fails: dict[datetime, Exception] = field(default_factory=dict)  # moment → error of windows that contain it
    _field: str = "@timestamp"

    def feed(self, *documents: EventDocument, at: datetime | None = None) -> None:
        self.arriving.extend((at or self.time, document) for document in documents)

    @contextmanager
    def open(
        self, pattern: str, window: Window, *, time_field: str, without: Mapping[str, str] | None = None
    ) -> Iterator[ListedEvents]:
        seen = [document for at, document in self.arriving if at <= self.time]
        self._field = time_field
        self.documents = [
            document
            for document in seen
            if window.start <= event_time(EventView(document.event), time_field) < window.end
        ]
        with super().open(pattern, window, time_field=time_field, without=without) as opened:
            yield opened

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        self._fail()
        return Counter(EPOCH + (moment - EPOCH) // step * step for moment in map(self.moment, self.documents))

    def tallies(self, step: timedelta) -> Tallies:
        self._fail()
        return super().tallies(step)

    def moment(self, document: EventDocument) -> datetime:
        return event_time(EventView(document.event), self._field)

    def number(self, document: EventDocument) -> int:
        return next(n for n, (_, arrived) in enumerate(self.arriving) if arrived is document)

    def searchable(self) -> Sequence[EventDocument]:
        return [document for at, document in self.arriving if at <= self.time]

    def _fail(self) -> None:
        window = self.windows[-1]
        for moment, fault in self.fails.items():
            if window.start <= moment < window.end:
                raise fault


@dataclass
class RecordingChannel:
    """A channel that records notifications, or raises the given errors."""

    name: str
    faults: list[Exception] = field(default_factory=list)
    taken: list[Notification] = field(default_factory=list)

    def send(self, notification: Notification) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.taken.append(notification)
