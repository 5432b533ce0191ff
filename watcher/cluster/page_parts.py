"""A page that cannot be decoded: read in smaller and smaller parts, until each undecodable event is identified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from watcher.cluster.answer_shapes import ReturnedDocument
from watcher.errors import ClusterError, Undecodable
from watcher.model import EventDocument, UnreadableEvent
from watcher.ports import Page, SearchRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParts:
    """The events of all parts of a page."""

    documents: tuple[EventDocument, ...]
    unreadable: tuple[UnreadableEvent, ...]


def read_in_parts(
    request: SearchRequest, hits: Sequence[ReturnedDocument], read: Callable[[SearchRequest], Page | ClusterError]
) -> PageParts | ClusterError:
    """Return the events of a page; `hits` are the same without `_source`, `read` returns one page or its error.

    Where one of `n` events cannot be decoded, about `2 log2(n)` parts are read. Any error but Undecodable is
    returned in their place.
    """
    cursors = [request.after, *(tuple(hit.sort) for hit in hits)]
    documents: list[EventDocument] = []
    unreadable: list[UnreadableEvent] = []
    pending = _halves(0, len(hits))
    while pending:
        start, end = pending.pop()
        part = read(replace(request, size=end - start, after=cursors[start]))
        if isinstance(part, Page):
            documents.extend(part.documents)
        elif not isinstance(part, Undecodable):
            return part
        elif end - start > 1:
            pending += _halves(start, end)
        else:
            hit = hits[start]
            unreadable.append(UnreadableEvent(index=hit.index, id=hit.id, reason=str(part)))
    return PageParts(documents=tuple(documents), unreadable=tuple(unreadable))


def _halves(start: int, end: int) -> list[tuple[int, int]]:
    """Return the halves of a run of events, the later one first; a single event as it is."""
    middle = (start + end) // 2
    return [half for half in ((middle, end), (start, middle)) if half[0] < half[1]]
