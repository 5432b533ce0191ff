"""What the cluster wrote since the last search, so that a page of huge events is not asked for by surprise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from watcher.ports import WrittenBytes

_HEAP_PARTS = 16  # the unusual bytes of one interval may be this part of the smallest heap
_WEIGHT = 0.1  # of each interval in the usual bytes of a write


class Growth(StrEnum):
    """How much the cluster wrote since the last search."""

    USUAL = "usual"  # no page can hold more than the engine's memory bears
    UNKNOWN = "unknown"
    HUGE = "huge"  # there may be a page that no engine bears


@dataclass(slots=True)
class WriteGrowth:
    """Compares the bytes that the cluster wrote with its memory, from search to search.

    Bytes beyond the usual length of a write may all be in one page. They are counted as they are sent, not as they are
    stored: huge events of few different characters need little space.
    """

    _last: WrittenBytes | None = None
    _usual: float | None = None  # bytes of a write

    def since_last(self, written: WrittenBytes | None) -> Growth:
        """Return how much was written since the last call."""
        last, self._last = self._last, written
        if written is None or last is None or not written.continues(last):
            return Growth.UNKNOWN
        usual = last.bytes / max(1, last.writes) if self._usual is None else self._usual
        count, writes = written.bytes - last.bytes, written.writes - last.writes
        if count - writes * usual > written.heap / _HEAP_PARTS:
            return Growth.HUGE
        if writes:
            self._usual = usual + (count / writes - usual) * _WEIGHT
        return Growth.USUAL
