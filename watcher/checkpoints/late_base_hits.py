"""How often late events changed what correlations count: sidecars that keep base hits in memory read them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watcher.state.state_documents import Body, DocumentKey, StateDocuments

_KEY = DocumentKey(kind="late-base-hits", source="")
_COUNT = "count"


@dataclass(frozen=True, slots=True)
class LateBaseHits:
    """A counter that all sidecars of a state share."""

    documents: StateDocuments

    def count(self) -> int:
        """Return how often base hits of the past were added."""
        return _count(self.documents.read(_KEY))

    def add(self, now: datetime) -> int:
        """Count once more, and return the number."""
        return _count(self.documents.change(_KEY, lambda body: {_COUNT: _count(body) + 1}, now=now))


def _count(body: Body | None) -> int:
    return int((body or {}).get(_COUNT) or 0)
