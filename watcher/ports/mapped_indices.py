"""The engine of a cluster, and how it maps the fields of an index pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.model import UnsearchableIndex


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
    unread: bool = False  # only the type is known: the mapping of these indices could not be read

    @property
    def is_read_by_search(self) -> bool:
        """Whether values may be missing in `_source`, so that each search asks the engine for them."""
        return self.computed or self.unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Incarnation:
    """What changes where sequence numbers of an index may be given a second time."""

    uuid: str  # of the index: another one where it is created anew
    primary_terms: tuple[int, ...]  # of its shards: higher where another copy becomes the primary

    @property
    def shards(self) -> int:
        """The number of shards."""
        return len(self.primary_terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexMapping:
    """The mapping of an index pattern at a moment."""

    pattern: str
    server: Server
    indices: tuple[str, ...] = ()  # the open ones, sorted
    incarnations: Mapping[str, Incarnation] = field(default_factory=dict)  # by index; absent where unknown
    fields: Mapping[
        str, tuple[FieldType, ...]
    ]  # requested path → an entry per mapping of it; unmapped paths are absent
    unindexed: tuple[str, ...] = ()  # indices where a field without mapping may still be in `_source`
    closed: tuple[str, ...] = ()  # indices of the pattern that cannot be searched
    without_source: tuple[str, ...] = ()  # indices that do not keep the entire `_source`
    unreadable: tuple[UnsearchableIndex, ...] = ()  # indices whose mapping cannot be read, so that they are left out
    shards: Mapping[str, int] = field(default_factory=dict)  # by index; absent where unknown
    unread: tuple[str, ...] = ()  # indices of which only the types of fields are known, e.g. those of other clusters
    refused: tuple[UnsearchableIndex, ...] = ()  # indices that a search leaves out; they are not in `indices`
    filled: frozenset[str] = frozenset()  # indices that hold documents, where that was read
    max_clauses: int = 1024  # `indices.query.bool.max_clause_count`

    @property
    def unsearchable(self) -> tuple[UnsearchableIndex, ...]:
        """The indices that are closed, refused, or whose mapping cannot be read, each with the reason."""
        closed = "closed: no search returns its events"
        return (
            *self.unreadable,
            *self.refused,
            *(UnsearchableIndex(index=index, reason=closed) for index in self.closed),
        )
