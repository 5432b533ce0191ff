"""Stored alerts, page by page: any number of them in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from watcher.ports import DocumentReader, StateQuery, StoredDocument

PAGE = 200
"""Alerts that are read at once."""

NEWEST: Sequence[Mapping[str, str]] = ({"@timestamp": "desc"}, {"watcher.alert.id": "asc"})
"""The newest alert first; no two have the same place."""

NEWEST_OPENED: Sequence[Mapping[str, str]] = ({"event.created": "desc"}, {"watcher.alert.id": "asc"})
"""The alert that was opened last first."""


def each_alert(documents: DocumentReader, pages: StateQuery) -> Iterator[StoredDocument]:
    """Yield all alerts that a query selects; its size is that of a page, and its sort gives each alert a place."""
    while True:
        page = documents.search(pages)
        yield from page
        if len(page) < pages.size:
            return
        pages = replace(pages, after=page[-1].sort)
