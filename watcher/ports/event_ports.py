"""The ports to the events: searches on snapshots, and counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from watcher.errors import ClusterError
from watcher.model import EventDocument, Query, UnreadableEvent, UnsearchableIndex, Window
from watcher.ports.mapped_indices import IndexMapping


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
class EventSpan:
    """A part of the events of a snapshot: by time, and by index and sequence number where they are named."""

    window: Window
    indices: tuple[str, ...] = ()  # empty: every index
    above: int | None = None  # only events with a higher sequence number; None: all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The events of one index in one slice, so that two tallies differ where the events do.

    An engine numbers the writes of each shard. A document that is written again has a new number. Events of different
    shards may have the same number, so their times are added up too.
    """

    events: int  # how many there are
    total: int  # sum of the sequence numbers
    highest: int | None  # sequence number; None: the index does not keep the numbers
    milliseconds: int | None  # sum of the times since the slice began; None: too many for an exact sum


Tallies = Mapping[tuple[str, datetime], Tally]
"""Index and start of the slice → tally; slices without events are left out."""


class Snapshot(Protocol):
    """A snapshot of an index pattern over a window: every search on it sees the same documents."""

    @property
    def unsearchable(self) -> tuple[UnsearchableIndex, ...]:
        """The indices of the pattern that it leaves out, whatever their age; closed ones are not among them."""
        ...

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

    def tallies(self, step: timedelta) -> Tallies:
        """Return the tally of each index in each step of the window.

        Raises a ClusterError where the answer is not complete, or where it would be too large.
        """
        ...

    def limited_to(self, spans: Sequence[EventSpan]) -> Snapshot:
        """Return a snapshot of the same documents that shows only the events of the spans."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWrites:
    """What one node wrote since it started."""

    bytes: int  # of the documents, as they were sent
    writes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBytes:
    """What the nodes of a cluster wrote since they started, and their memory."""

    nodes: Mapping[str, NodeWrites]  # by the node's id
    heap: int  # bytes: the smallest of a node that holds data

    @property
    def bytes(self) -> int:
        """The bytes of all documents."""
        return sum(node.bytes for node in self.nodes.values())

    @property
    def writes(self) -> int:
        """The number of writes."""
        return sum(node.writes for node in self.nodes.values())

    def continues(self, earlier: WrittenBytes) -> bool:
        """Whether the same nodes have run since an earlier reading."""
        return self.nodes.keys() == earlier.nodes.keys() and all(
            node.bytes >= earlier.nodes[name].bytes and node.writes >= earlier.nodes[name].writes
            for name, node in self.nodes.items()
        )


class EventSource(Protocol):
    """The events of a cluster, to be searched; only read."""

    def now(self) -> datetime:
        """Return the cluster's time."""
        ...

    def written_bytes(self, pattern: str) -> WrittenBytes | None:
        """Return what the cluster of a pattern wrote; None where that is unknown (no privilege, other clusters)."""
        ...

    def mapping(self, pattern: str, paths: Sequence[str], *, without: Collection[str] = ()) -> IndexMapping:
        """Read how the paths are mapped in the indices of a pattern.

        `without` are indices that cannot be searched at present, and may be missing.
        """
        ...

    def open(
        self, pattern: str, window: Window, *, time_field: str, without: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Snapshot]:
        """Open a snapshot that is closed on leaving; raises a ClusterError where it cannot be opened.

        Indices that cannot be searched are left out, and those of `without`, each with its reason.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVolume:
    """The number of events of one event class in a window."""

    channel: str
    code: str  # the event id; empty: every event of the channel
    events: int
    hosts: int  # that sent such events; approximate where there are many


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexMarks:
    """How far the sequence numbers of an index were given, and how new its events are."""

    uuid: str  # of the index
    numbers: tuple[int, ...]  # the highest of each shard; -1: none
    newest: datetime | None = None  # time of its newest event; None: it holds none


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedIndex:
    """An index and its marks: what is written later is above them."""

    index: str
    marks: IndexMarks


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerEvents:
    """The events of an index above its marks."""

    marks: IndexMarks  # that include these events
    counts: Mapping[datetime, int]  # by the start of their step


class EventCounts(Protocol):
    """Numbers of the events of a cluster, counted without a snapshot."""

    def count(self, pattern: str, windows: Sequence[Window], *, time_field: str) -> Sequence[int]:
        """Return the number of events of each window, counted in one request.

        Raises Incomplete where a shard did not answer, and any other ClusterError where nothing did.
        """
        ...

    def newer(self, indices: Sequence[MarkedIndex], step: timedelta, *, time_field: str) -> Sequence[NewerEvents]:
        """Return what each index holds above its marks, by steps of time, in the order of the indices.

        Raises a ClusterError where a shard did not answer.
        """
        ...

    def volumes(self, pattern: str, window: Window, *, time_field: str) -> Sequence[EventVolume]:
        """Return the number of events of each channel, and of each event id in it, counted in one search."""
        ...
