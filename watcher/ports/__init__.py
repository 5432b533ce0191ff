"""The ports: everything that watcher needs from clusters, channels and clocks, as protocols."""

from watcher.ports.document_ports import (
    CreateResult,
    DocumentReader,
    Documents,
    DocumentWriter,
    NewDocument,
    PartialUpdate,
    Replacement,
    StateQuery,
    StoredDocument,
)
from watcher.ports.event_ports import (
    EventCounts,
    EventSource,
    EventSpan,
    EventVolume,
    IndexMarks,
    MarkedIndex,
    NewerEvents,
    Page,
    SearchRequest,
    Snapshot,
    Tallies,
    Tally,
)
from watcher.ports.index_ports import IndexAdmin, IndexTemplates, State
from watcher.ports.mapped_indices import FieldType, Incarnation, IndexMapping, Server
from watcher.ports.process_ports import Clock, Notifier

__all__ = [
    "Clock",
    "CreateResult",
    "DocumentReader",
    "DocumentWriter",
    "Documents",
    "EventCounts",
    "EventSource",
    "EventSpan",
    "EventVolume",
    "FieldType",
    "Incarnation",
    "IndexAdmin",
    "IndexMapping",
    "IndexMarks",
    "IndexTemplates",
    "MarkedIndex",
    "NewDocument",
    "NewerEvents",
    "Notifier",
    "Page",
    "PartialUpdate",
    "Replacement",
    "SearchRequest",
    "Server",
    "Snapshot",
    "State",
    "StateQuery",
    "StoredDocument",
    "Tallies",
    "Tally",
]
