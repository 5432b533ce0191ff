"""The ports to the documents of the state; every write is conditional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from watcher.model import Query


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

    def exist(self, keys: Sequence[tuple[str, str]]) -> Sequence[bool]:
        """Return whether documents by (index, id) exist, realtime, in the order of the keys; they are not read."""
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
