"""How often late events changed what correlations count, and which times were searched late.

Sidecars that keep base hits in memory read them again where this changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher.checkpoints.interruptions import Interruption, joined_interruptions
from watcher.state.state_documents import Body, DocumentKey, StateDocuments

_KEY = DocumentKey(kind="late-base-hits", source="")
_COUNT = "count"
_INTERRUPTIONS = "interruptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRecord:
    """What sidecars share about the past."""

    count: int = 0  # how often base hits of the past were added
    interruptions: tuple[Interruption, ...] = ()


@dataclass(frozen=True, slots=True)
class LateBaseHits:
    """A record that all sidecars of a state share."""

    documents: StateDocuments

    def read(self) -> LateRecord:
        """Return the record."""
        return _record(self.documents.read(_KEY))

    def add(self, now: datetime) -> int:
        """Count base hits of the past once more, and return the number."""
        return _record(self.documents.change(_KEY, _counted, now=now)).count

    def interrupt(self, interruption: Interruption, *, now: datetime) -> LateRecord:
        """Add an interruption, and return the record."""

        def changed(body: Body | None) -> Body:
            before = _record(body).interruptions
            return _with_interruptions(body, joined_interruptions((*before, interruption)))

        return _record(self.documents.change(_KEY, changed, now=now))

    def settle(self, settled: Iterable[Interruption], *, now: datetime) -> LateRecord:
        """Remove interruptions whose times were searched again, and count once: others read their memory again."""
        gone = frozenset(settled)

        def changed(body: Body | None) -> Body:
            kept = tuple(each for each in _record(body).interruptions if each not in gone)
            return _with_interruptions(_counted(body), kept)

        return _record(self.documents.change(_KEY, changed, now=now))


def _record(body: Body | None) -> LateRecord:
    stored: dict[str, Any] = dict(body or {})
    interruptions = tuple(Interruption.from_body(each) for each in stored.get(_INTERRUPTIONS) or ())
    return LateRecord(count=int(stored.get(_COUNT) or 0), interruptions=interruptions)


def _counted(body: Body | None) -> Body:
    return {**(body or {}), _COUNT: _record(body).count + 1}


def _with_interruptions(body: Body | None, interruptions: Iterable[Interruption]) -> Body:
    return {**(body or {}), _INTERRUPTIONS: [each.as_body() for each in interruptions]}
