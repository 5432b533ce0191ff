"""Fakes of the ports: a state in memory, a cluster that answers from a list, a channel with given errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from watcher.alerts.grouping import GroupedHit, event_time, group
from watcher.errors import ClusterError
from watcher.match.event_view import EventView
from watcher.model import EventDocument, Notification, Query, QueryPlan, Rule, Window
from watcher.ports import (
    CreateResult,
    EventVolume,
    FieldType,
    IndexMapping,
    NewDocument,
    Page,
    PartialUpdate,
    Replacement,
    SearchRequest,
    Server,
    StateQuery,
    StoredDocument,
)
from watcher.settings.effective import RuleSettings
from watcher.sigma.rule_folders import read_file
from watcher.sigma.rule_reader import RuleOrigin
from watcher.timestamps import parse_timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
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


def leaves(document: Any, path: str) -> list[Any]:
    """Return every value at a path."""
    if isinstance(document, list):
        return [leaf for item in document for leaf in leaves(item, path)]
    if not path:
        return [document]
    head, _, rest = path.partition(".")
    return leaves(document[head], rest) if isinstance(document, Mapping) and head in document else []


def matches(document: Mapping[str, Any], query: Query) -> bool:
    """Whether a document matches a query."""
    ((kind, body),) = query.items()
    match kind:
        case "match_all":
            return True
        case "bool":
            return all(matches(document, clause) for clause in body.get("filter", ())) and not any(
                matches(document, clause) for clause in body.get("must_not", ())
            )
        case "exists":
            return bool(leaves(document, body["field"]))
    ((path, wanted),) = body.items()
    values = leaves(document, path)
    match kind:
        case "term":
            return wanted in values
        case "terms":
            return any(value in wanted for value in values)
        case "range":
            bounds = {"lte": str.__le__, "gte": str.__ge__, "lt": str.__lt__}
            return any(all(bounds[name](str(value), str(edge)) for name, edge in wanted.items()) for value in values)
    raise ValueError(f"the fake state knows no `{kind}`")


def merged(document: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document after a partial update: objects are merged, other values replaced."""
    result = dict(document)
    for name, value in part.items():
        previous = document.get(name)
        both = isinstance(value, Mapping) and isinstance(previous, Mapping)
        result[name] = merged(previous, value) if both else value
    return result


def _comes_after(values: Sequence[Any], cursor: Sequence[Any], ways: Sequence[str]) -> bool:
    for value, edge, way in zip(values, cursor, ways, strict=True):
        if value != edge:
            return bool(value > edge) is (way == "asc")
    return False


@dataclass
class MemoryState:
    """The State port in memory; `log` lists the requests in order."""

    documents: dict[tuple[str, str], StoredDocument] = field(default_factory=dict)
    refused: tuple[str, ...] = ()  # parts of documents that this engine refuses
    loose: set[str] = field(default_factory=set)  # indices that the engine created without a template
    log: list[str] = field(default_factory=list)

    def create(self, drafts: Sequence[NewDocument]) -> Sequence[CreateResult]:
        self.log.extend(f"create {draft.index}" for draft in drafts)
        return [self._create(draft) for draft in drafts]

    def _create(self, draft: NewDocument) -> CreateResult:
        if (draft.index, draft.id) in self.documents:
            return CreateResult(id=draft.id, new=False)
        if bad := next((part for part in self.refused if part in str(draft.document)), None):
            return CreateResult(id=draft.id, new=False, error=f"no `{bad}` here")
        self._put(draft.index, draft.id, draft.document, 0)
        return CreateResult(id=draft.id, new=True)

    def _put(self, index: str, name: str, document: Mapping[str, Any], seq_no: int) -> None:
        self.documents[index, name] = StoredDocument(
            index=index, id=name, document=document, seq_no=seq_no, primary_term=1
        )

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        return [self.documents.get(key) for key in keys]

    def replace(self, stored: StoredDocument, document: Mapping[str, Any]) -> bool:
        self.log.append(f"replace {stored.index}")
        now = self.documents[stored.index, stored.id]
        if now.seq_no != stored.seq_no:
            return False
        self._put(stored.index, stored.id, document, now.seq_no + 1)
        return True

    def replace_many(self, replacements: Sequence[Replacement]) -> Sequence[bool]:
        return [self.replace(change.stored, change.document) for change in replacements]

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        updated: list[StoredDocument | None] = []
        for change in changes:
            stored = change.stored
            self.log.append(f"amend {stored.index}")
            now = self.documents.get((stored.index, stored.id))
            if now is None or now.seq_no != stored.seq_no:
                updated.append(None)
                continue
            self._put(stored.index, stored.id, merged(now.document, change.part), now.seq_no + 1)
            updated.append(replace(self.documents[stored.index, stored.id], document=change.part))
        return updated

    def search(self, state_query: StateQuery) -> Sequence[StoredDocument]:
        """Return the documents that match the clauses that watcher uses."""
        stored = [
            document
            for document in self.documents.values()
            if fnmatchcase(document.index, state_query.index) and matches(document.document, state_query.query)
        ]
        orders = [(path, way) for order in state_query.sort for path, way in order.items()]
        stored = [
            replace(document, sort=tuple("".join(map(str, leaves(document.document, path)[:1])) for path, _ in orders))
            for document in stored
        ]
        if state_query.after:
            stored = [
                document
                for document in stored
                if _comes_after(document.sort, state_query.after, [way for _, way in orders])
            ]
        for number, (_, way) in reversed(list(enumerate(orders))):
            stored.sort(key=lambda document: document.sort[number], reverse=way == "desc")
        return stored[: state_query.size]

    def count(self, index: str, query: Query) -> int:
        return len(self.search(StateQuery(index=index, query=query, size=10**9)))

    def indices(self, pattern: str) -> Sequence[str]:
        return sorted({index for index, _ in self.documents if fnmatchcase(index, pattern)})

    def strict(self, pattern: str) -> Sequence[str]:
        return [index for index in self.indices(pattern) if index not in self.loose]

    def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
        self.log.append(f"map {index} {sorted(mapping)}")
        self.loose.discard(index)

    def drop(self, index: str) -> None:
        self.documents = {key: document for key, document in self.documents.items() if key[0] != index}

    def keep_for(self, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
        self.log.append(f"keep {name} {indices} {age.days}d")
        return None

    def counts(self, index: str, query: object, field: str) -> Mapping[str, int]:  # noqa: ARG002 - the port's names
        texts = (
            _at(document.document, field)
            for document in self.documents.values()
            if document.index.startswith(index.rstrip("*"))
        )
        return Counter(text for text in texts if text)

    def refresh(self, index: str) -> None:
        pass

    def template_version(self, name: str) -> int | None:
        stored = self.documents.get(("templates", name))
        return stored.document["version"] if stored else None

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        self._put("templates", name, template, 0)


def _at(document: Mapping[str, Any], path: str) -> str:
    value: Any = document
    for name in path.split("."):
        value = value.get(name, {}) if isinstance(value, Mapping) else {}
    return value if isinstance(value, str) else ""


@dataclass
class ListedEvents:
    """The Events port over a list of documents: every query returns all of them."""

    documents: Sequence[EventDocument] = ()
    answers: list[Page | ClusterError] = field(default_factory=list)  # instead, one after another
    indices: tuple[str, ...] = ("winlogbeat-1",)
    time: datetime = NOW
    windows: list[Window] = field(default_factory=list)  # that were opened
    counted: tuple[EventVolume, ...] = ()

    def server(self) -> Server:
        return Server(engine="opensearch", version="3.6.0")

    def now(self) -> datetime:
        return self.time

    def mapping(self, pattern: str, paths: Sequence[str]) -> IndexMapping:
        fields = {path: (FieldType(type="keyword"),) for path in paths}
        return IndexMapping(pattern=pattern, server=self.server(), indices=self.indices, fields=fields)

    @contextmanager
    def open(self, pattern: str, window: Window, *, time_field: str) -> Iterator[ListedEvents]:  # noqa: ARG002 - the port's names
        self.windows.append(window)
        yield self

    def count(self, pattern: str, windows: Sequence[Window], *, time_field: str) -> Sequence[int]:
        counted = []
        for window in windows:
            with self.open(pattern, window, time_field=time_field) as opened:
                counted.append(sum(opened.counts(timedelta(minutes=5)).values()))
        return counted

    def volumes(self, pattern: str, window: Window, *, time_field: str) -> Sequence[EventVolume]:  # noqa: ARG002 - the port's names
        return self.counted

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

    def _page(self, ask: SearchRequest) -> Page:
        start = ask.after[0] if ask.after else 0
        part = tuple(self.documents[start : start + ask.size])
        after = (start + len(part),) if len(part) == ask.size else None
        return Page(documents=part, total=None if ask.after else len(self.documents), after=after)


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
    """The Events port over documents that become searchable at given moments."""

    arriving: list[tuple[datetime, EventDocument]] = field(default_factory=list)  # searchable from, document
    fails: dict[datetime, Exception] = field(default_factory=dict)  # moment → error of windows that contain it
    _field: str = "@timestamp"

    def feed(self, *documents: EventDocument, at: datetime | None = None) -> None:
        self.arriving.extend((at or self.time, document) for document in documents)

    @contextmanager
    def open(self, pattern: str, window: Window, *, time_field: str) -> Iterator[ListedEvents]:
        seen = [document for at, document in self.arriving if at <= self.time]
        self._field = time_field
        self.documents = [
            document
            for document in seen
            if window.start <= event_time(EventView(document.event), time_field) < window.end
        ]
        with super().open(pattern, window, time_field=time_field) as opened:
            yield opened

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        window = self.windows[-1]
        for moment, fault in self.fails.items():
            if window.start <= moment < window.end:
                raise fault
        moments = (event_time(EventView(document.event), self._field) for document in self.documents)
        return Counter(EPOCH + (moment - EPOCH) // step * step for moment in moments)


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
