"""Times of which a search of the past did not see all events: some are in indices that cannot be searched.

They are stored as interruptions. Whatever depends on absent events waits for them, and is decided once the indices
can be searched again, or are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from watcher.checkpoints.interruptions import Interruption
from watcher.checkpoints.late_base_hits import LateBaseHits, LateRecord
from watcher.model import UnsearchableIndex, Window
from watcher.model.correlation_hits import BaseHit
from watcher.model.index_names import held_span
from watcher.pipeline.searched_windows import CorrelatedSource

log = structlog.get_logger(__name__)

_RENEWED_AFTER = 0.25  # of the lateness


@dataclass(slots=True)
class HiddenTimes:
    """Notes such times in the record that all sidecars share."""

    late: LateBaseHits | None  # None: nothing is noted
    sources: Mapping[str, CorrelatedSource]
    now: Callable[[], datetime]

    def record(self) -> LateRecord:
        """Return the record."""
        return LateRecord() if self.late is None else self.late.read()

    def read(self, name: str, window: Window, rules: frozenset[str]) -> Iterator[BaseHit]:
        """Yield the base hits of a window of a source; at the end, times that were not read completely are noted."""
        source = self.sources[name]
        if self.late is None:
            yield from source.read(window, rules)
            return
        before = source.unsearchable(window)
        yield from source.read(window, rules)
        for interruption in _interruptions(name, (*before, *source.unsearchable(window)), window, self.now()):
            log.warning("correlation.history_not_searched", source=name, indices=", ".join(interruption.indices))
            self.late.interrupt(interruption, now=self.now())

    def renew(self, record: LateRecord) -> LateRecord:
        """Return the record after those go on whose indices can still not be searched."""
        now = self.now()
        for each in record.interruptions:
            source = self.sources.get(each.source)
            if self.late is None or source is None or not each.indices:
                continue
            if now < each.searched + source.overlap * _RENEWED_AFTER:
                continue
            unsearchable = {entry.index for entry in source.unsearchable(Window(start=each.start, end=each.end))}
            if not unsearchable.isdisjoint(each.indices):
                record = self.late.interrupt(replace(each, searched=now), now=now)
        return record


def _interruptions(
    source: str, unsearchable: Iterable[UnsearchableIndex], window: Window, now: datetime
) -> Iterator[Interruption]:
    by_span: dict[Window, set[str]] = {}
    for entry in unsearchable:
        by_span.setdefault(held_span(entry.index, window), set()).add(entry.index)
    for span, indices in by_span.items():
        yield Interruption(source=source, start=span.start, end=span.end, searched=now, indices=tuple(sorted(indices)))
