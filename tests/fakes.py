"""The doors as small fakes: a state in memory, a cluster that answers from a list, a channel that does as told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from watcher.errors import ClusterError
from watcher.model import Found, Notification, Plan, Rule, Window
from watcher.ports import Ask, Created, Draft, FieldType, IndexFacts, Page, Server, Stored
from watcher.read.folder import read_file
from watcher.read.rule import Origin

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
    rules, findings = read_file(text, file="rule.yml", origin=Origin(folder="own", path="rule.yml"))
    assert rules, findings
    return replace(rules[0], **changes)


def plan(**changes: Any) -> Plan:
    """Make a plan of the rule."""
    made = Plan(rule=rule(), source="windows", query={"match_all": {}}, exact=True, channels=("mail", "slack"))
    return replace(made, **changes)


def event(time: str = "2026-11-23T11:59:30.000Z", host: str | None = "WEB01", **data: str) -> dict[str, Any]:
    """Make an event of a process that starts a shell."""
    told = {"CommandLine": "a shell", **data}
    made = {"@timestamp": time, "event": {"code": "4688"}, "winlog": {"channel": "Security", "event_data": told}}
    return made if host is None else {**made, "host": {"name": host}}


def found(number: int = 1, **changes: Any) -> Found:
    """Make a document that a search returned."""
    return Found(index="winlogbeat-1", id=f"e{number}", event=event(**changes))


@dataclass
class MemoryState:
    """The State door in memory; `log` tells what was asked for, in order."""

    documents: dict[tuple[str, str], Stored] = field(default_factory=dict)
    refused: tuple[str, ...] = ()  # parts of documents that this engine refuses
    log: list[str] = field(default_factory=list)

    def create(self, drafts: Sequence[Draft]) -> Sequence[Created]:
        self.log.extend(f"create {draft.index}" for draft in drafts)
        return [self._create(draft) for draft in drafts]

    def _create(self, draft: Draft) -> Created:
        if (draft.index, draft.id) in self.documents:
            return Created(id=draft.id, new=False)
        if bad := next((part for part in self.refused if part in str(draft.document)), None):
            return Created(id=draft.id, new=False, error=f"no `{bad}` here")
        self._put(draft.index, draft.id, draft.document, 0)
        return Created(id=draft.id, new=True)

    def _put(self, index: str, name: str, document: Mapping[str, Any], seq_no: int) -> None:
        self.documents[index, name] = Stored(index=index, id=name, document=document, seq_no=seq_no, primary_term=1)

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[Stored | None]:
        return [self.documents.get(key) for key in keys]

    def replace(self, stored: Stored, document: Mapping[str, Any]) -> bool:
        self.log.append(f"replace {stored.index}")
        now = self.documents[stored.index, stored.id]
        if now.seq_no != stored.seq_no:
            return False
        self._put(stored.index, stored.id, document, now.seq_no + 1)
        return True

    def search(self, index: str, query: object, *, size: int, sort: object = ()) -> Sequence[Stored]:  # noqa: ARG002 - the door's names
        return [one for one in self.documents.values() if one.index.startswith(index.rstrip("*"))][:size]

    def refresh(self, index: str) -> None:
        pass

    def template_version(self, name: str) -> int | None:
        stored = self.documents.get(("templates", name))
        return stored.document["version"] if stored else None

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        self._put("templates", name, template, 0)


@dataclass
class ListedEvents:
    """The Events door over a list of documents: every query returns them all."""

    documents: Sequence[Found] = ()
    answers: list[Page | ClusterError] = field(default_factory=list)  # instead, one after another
    indices: tuple[str, ...] = ("winlogbeat-1",)
    time: datetime = NOW
    windows: list[Window] = field(default_factory=list)  # that were opened

    def server(self) -> Server:
        return Server(engine="opensearch", version="3.6.0")

    def now(self) -> datetime:
        return self.time

    def facts(self, pattern: str, paths: Sequence[str]) -> IndexFacts:
        fields = {path: (FieldType(type="keyword"),) for path in paths}
        return IndexFacts(pattern=pattern, server=self.server(), indices=self.indices, fields=fields)

    @contextmanager
    def open(self, pattern: str, window: Window, *, time_field: str) -> Iterator[ListedEvents]:  # noqa: ARG002 - the door's names
        self.windows.append(window)
        yield self

    def search(self, asks: Sequence[Ask]) -> Sequence[Page | ClusterError]:
        return [self.answers.pop(0) if self.answers else self._page(ask) for ask in asks]

    def _page(self, ask: Ask) -> Page:
        start = ask.after[0] if ask.after else 0
        part = tuple(self.documents[start : start + ask.size])
        after = (start + len(part),) if len(part) == ask.size else None
        return Page(found=part, total=None if ask.after else len(self.documents), after=after)


@dataclass
class Told:
    """A channel that keeps what it takes, or raises what it is given."""

    name: str
    faults: list[Exception] = field(default_factory=list)
    taken: list[Notification] = field(default_factory=list)

    def send(self, notification: Notification) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.taken.append(notification)
