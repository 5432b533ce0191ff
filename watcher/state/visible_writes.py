"""Reading what was written a moment ago, where the user may make it visible."""

from __future__ import annotations

from contextlib import suppress

from watcher.errors import Forbidden
from watcher.ports import DocumentReader


def refresh_where_allowed(documents: DocumentReader, pattern: str) -> None:
    """Make everything written so far visible to searches, where the user may.

    Reading needs `read` alone: without the privilege `maintenance` the last second of writes may be missing.
    """
    with suppress(Forbidden):
        documents.refresh(pattern)
