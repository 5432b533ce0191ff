"""The ports: everything that watcher needs from clusters, channels and clocks, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from watcher.errors import ClusterError
from watcher.model import EventDocument, Notification, Query, UnreadableEvent, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The engine at an address, and its version."""

    engine: str  # `elasticsearch` or `opensearch`
    version: str  # e.g. `3.6.0`


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldType:
    """How a path is mapped in a part of the indices of a pattern."""

    type: str  # `keyword`, `wildcard`, `text`, `match_only_text`, `long`, `ip`, `date` …; an alias has its target's
    indices: tuple[str, ...] = ()  # the indices that map it so; empty: all of the pattern's
    searchable: bool = True  # false where the mapping says `index: false`
    ignore_above: int | None = None  # longer values are in `_source` but not in the index
    path: str | None = None  # of an alias: the path it points to
    value: str | None = None  # of a constant_keyword: its value
    analyzer: str | None = None  # of a text: its analyzer where the mapping names one, else the standard one
    normalizer: str | None = None  # of a keyword: `lowercase` where it does just that, else its name
    ignore_malformed: bool = False  # values that are no number, address or date are in `_source` but not indexed
    adds: bool = False  # the index holds here what `_source` does not: `null_value`, or copies of other fields
    computed: bool = False  # a runtime or derived field: its values are not in `_source`


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexMapping:
    """The mapping of an index pattern at a moment."""

    pattern: str
    server: Server
    indices: tuple[str, ...] = ()  # the open ones, sorted
    fields: Mapping[
        str, tuple[FieldType, ...]
    ]  # requested path → an entry per mapping of it; unmapped paths are absent
    unindexed: tuple[str, ...] = ()  # indices where a field without mapping may still be in `_source`
    closed: tuple[str, ...] = ()  # indices of the pattern that cannot be searched
    without_source: tuple[str, ...] = ()  # indices that do not keep the entire `_source`
    max_clauses: int = 1024  # `indices.query.bool.max_clause_count`


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A request for one page: a query over the snapshot's window."""

    query: Query
    size: int
    after: tuple[Any, ...] | None = None  # the cursor of the previous page; None: the first page
    only: tuple[str, ...] | None = None  # the paths of `_source` to return; None: all of it; (): none
    computed: tuple[str, ...] = ()  # fields that are not in `_source`, and are read through the search


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the results of a search, oldest events first."""

    documents: tuple[EventDocument, ...]
    total: int | None  # the exact number of events of the search; None after the first page
    after: tuple[Any, ...] | None  # the cursor for the next page; None where this page is not full
    took: float = 0.0  # seconds that the engine reports for it
    length: int = 0  # bytes of the answer; 0 where it was part of a larger answer
    unreadable: tuple[UnreadableEvent, ...] = ()  # events of the page that cannot be decoded

    @property
    def count(self) -> int:
        """Return the number of events of the page, including those that cannot be decoded."""
        return len(self.documents) + len(self.unreadable)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVolume:
    """The number of events of one event class in a window."""

    channel: str
    code: str  # the event id; empty: every event of the channel
    events: int
    hosts: int  # that sent such events; approximate where there are many


class Snapshot(Protocol):
    """A snapshot of an index pattern over a window: every search on it sees the same documents."""

    def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
        """Return a page or an error for each request, in the order of the requests.

        An answer that misses shards or ran out of time is Incomplete, never a short page.
        """
        ...

    def counts(self, step: timedelta) -> Mapping[datetime, int]:
        """Return the number of events of each step of the window, by the start of the step, without empty steps.

        Raises Incomplete where the answer misses shards or ran out of time.
        """
        ...


class EventSource(Protocol):
    """The cluster that holds the events; only read."""

    def server(self) -> Server:
        """Return the engine and its version; raises Refused where the version is not supported."""
        ...

    def now(self) -> datetime:
        """Return the cluster's time."""
        ...

    def mapping(self, pattern: str, paths: Sequence[str]) -> IndexMapping:
        """Read how the paths are mapped in the indices of a pattern."""
        ...

    def open(self, pattern: str, window: Window, *, time_field: str) -> AbstractContextManager[Snapshot]:
        """Open a snapshot that is closed on leaving; raises a ClusterError where it cannot be opened."""
        ...

    def count(self, pattern: str, windows: Sequence[Window], *, time_field: str) -> Sequence[int]:
        """Return the number of events of each window, counted in one request.

        Raises Incomplete where a shard did not answer, and any other ClusterError where nothing did.
        """
        ...

    def volumes(self, pattern: str, window: Window, *, time_field: str) -> Sequence[EventVolume]:
        """Return the number of events of each channel, and of each event id in it, counted in one search."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document of the state, with what a conditional write needs."""

    index: str
    id: str
    document: Mapping[str, Any]
    seq_no: int
    primary_term: int
    sort: tuple[Any, ...] = ()  # the sort values, where a search returned it


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document to be created."""

    index: str
    id: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateResult:
    """The outcome of one `create`."""

    id: str
    new: bool  # false: it existed already (409), or it was refused
    error: str | None = None  # why the engine refuses this document for good


@dataclass(frozen=True, slots=True, kw_only=True)
class StateQuery:
    """A search for documents of the state."""

    index: str  # a pattern
    query: Query
    size: int
    sort: Sequence[Mapping[str, Any]] = ()
    after: Sequence[Any] = ()  # the sort values of the last document of the previous page
    only: Sequence[str] = ()  # the paths that are read; empty: entire documents


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialUpdate:
    """A part of a document to be written: objects are merged, anything else replaces the previous value."""

    stored: StoredDocument  # as it was read; the update fails if it was changed since
    part: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A new version of an entire document."""

    stored: StoredDocument  # as it was read; the replacement fails if it was changed since
    document: Mapping[str, Any]


class DocumentReader(Protocol):
    """Reads documents of the state."""

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        """Read documents by (index, id), realtime, in the order of the keys; None where there is none."""
        ...

    def search(self, state_query: StateQuery) -> Sequence[StoredDocument]:
        """Return candidates in a pattern (empty where no index matches); `get` reads them again before a decision."""
        ...

    def count(self, index: str, query: Query) -> int:
        """Count the documents of a pattern that match a query."""
        ...

    def counts(self, index: str, query: Query, field: str) -> Mapping[str, int]:
        """Count the documents of a pattern by the values of a keyword field, in one search."""
        ...

    def refresh(self, index: str) -> None:
        """Make everything written so far visible to `search`."""
        ...


class DocumentWriter(Protocol):
    """Writes documents of the state; every write is conditional."""

    def create(self, drafts: Sequence[NewDocument]) -> Sequence[CreateResult]:
        """Create documents; return an outcome for each, in the order given.

        Raises a ClusterError where any of them met a fault that may pass (429, 503, a missing primary): then
        some may have been written, and creating all of them again is right.
        """
        ...

    def replace(self, stored: StoredDocument, document: Mapping[str, Any]) -> bool:
        """Write a new version of a document; return false where another process wrote first."""
        ...

    def replace_many(self, replacements: Sequence[Replacement]) -> Sequence[bool]:
        """Write new versions of documents; return an outcome for each as `replace` does, in the order given.

        Raises a ClusterError where any of them met another fault: then some may have been written.
        """
        ...

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        """Write parts of documents; return an outcome for each, in the order given.

        An outcome is what the next change of the document needs (its `document` is the part alone), None where
        another process wrote first or the document is gone. Raises a ClusterError where any of them met another
        fault: then some may have been written.
        """
        ...


class Documents(DocumentReader, DocumentWriter, Protocol):
    """The documents of the state: alerts, hits and checkpoints."""


class IndexTemplates(Protocol):
    """Templates and mappings of the state's indices."""

    def template_version(self, name: str) -> int | None:
        """Return the version of an index template, None where it is not installed."""
        ...

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        """Install a composable index template."""
        ...

    def strict(self, pattern: str) -> Sequence[str]:
        """Return the sorted names of the indices of a pattern that refuse unmapped fields."""
        ...

    def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
        """Add fields to an existing index."""
        ...


class IndexAdmin(Protocol):
    """The indices of the state and their deletion by age."""

    def indices(self, pattern: str) -> Sequence[str]:
        """Return the sorted names of the indices of a pattern."""
        ...

    def drop(self, index: str) -> None:
        """Delete one index; no error where it is gone already."""
        ...

    def keep_for(self, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
        """Let the cluster delete indices of a pattern at an age; None where it has no such service.

        Returns the settings that new indices need for it.
        """
        ...


class State(Documents, IndexTemplates, IndexAdmin, Protocol):
    """Everything that one cluster offers for the state; a consumer asks for the smallest port that it needs."""


class Notifier(Protocol):
    """A channel that takes notifications."""

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        ...

    def send(self, notification: Notification) -> None:
        """Hand the notification over; raises DeliveryError, which says whether trying again can help."""
        ...


class Clock(Protocol):
    """The only source of this machine's time."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back and include suspend."""
        ...

    def wait(self, seconds: float, stopping: Callable[[], bool] = ...) -> None:
        """Wait; end earlier where `stopping` returns true. What `stopping` raises ends it too."""
        ...
