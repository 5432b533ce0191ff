"""A page that cannot be decoded, read in smaller and smaller pieces until each event that is to blame is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from watcher.errors import ClusterError, Undecodable
from watcher.model import EventDocument, UnreadableEvent
from watcher.ports import Page, SearchRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """What the pieces of a page hold."""

    found: tuple[EventDocument, ...]
    unreadable: tuple[UnreadableEvent, ...]


def read_in_pieces(
    ask: SearchRequest, hits: Sequence[Mapping[str, Any]], read: Callable[[SearchRequest], Page | ClusterError]
) -> Pieces | ClusterError:
    """Return the events of a page; `hits` are the same without `_source`, `read` returns one page or its error.

    Of `n` events of which one cannot be decoded, about `2 log2(n)` pieces are read. Any error but Undecodable is
    returned in their place.
    """
    cursors = [ask.after, *(tuple(hit["sort"]) for hit in hits)]
    found: list[EventDocument] = []
    unreadable: list[UnreadableEvent] = []
    waiting = _halves(0, len(hits))
    while waiting:
        start, end = waiting.pop()
        piece = read(replace(ask, size=end - start, after=cursors[start]))
        if isinstance(piece, Page):
            found.extend(piece.found)
        elif not isinstance(piece, Undecodable):
            return piece
        elif end - start > 1:
            waiting += _halves(start, end)
        else:
            hit = hits[start]
            unreadable.append(UnreadableEvent(index=hit["_index"], id=hit["_id"], reason=str(piece)))
    return Pieces(found=tuple(found), unreadable=tuple(unreadable))


def _halves(start: int, end: int) -> list[tuple[int, int]]:
    """Return the halves of a run of events, the later one first; a single event as it is."""
    middle = (start + end) // 2
    return [half for half in ((middle, end), (start, middle)) if half[0] < half[1]]
