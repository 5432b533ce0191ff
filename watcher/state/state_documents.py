"""Small documents in the state index that sidecars keep for themselves; every change is a conditional write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher.errors import ClusterError
from watcher.ports import Documents, NewDocument, StoredDocument
from watcher.state.index_templates import VERSION
from watcher.timestamps import format_timestamp

Body = Mapping[str, Any]
Change = Callable[[Body | None], Body | None]
"""The stored body (None: there is no document) → the new one, or None where nothing is to be written."""


def _assume_index(_index: str) -> None:
    """Assume that the index exists or has a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKey:
    """The kind of a document, the source that it belongs to, and what distinguishes it from others."""

    kind: str
    source: str
    of: str = ""

    @property
    def id(self) -> str:
        """The id of the document."""
        return "-".join(part for part in (self.kind, self.source, self.of) if part)


@dataclass(frozen=True, slots=True)
class StateDocuments:
    """The documents in the index `<prefix>-state`."""

    state: Documents
    prefix: str = "watcher"
    ensure_index: Callable[[str], None] = _assume_index  # called before a document is created

    @property
    def index(self) -> str:
        """The name of the index."""
        return f"{self.prefix}-state"

    def read(self, key: DocumentKey) -> Body | None:
        """Return the body of a document, realtime; None where there is none."""
        return self.read_all((key,))[0]

    def read_all(self, keys: Sequence[DocumentKey]) -> Sequence[Body | None]:
        """Return the bodies of documents, in the order of the keys."""
        documents = self.state.get([(self.index, key.id) for key in keys])
        return [None if stored is None else _body(stored) for stored in documents]

    def change(self, key: DocumentKey, change: Change, *, now: datetime) -> Body | None:
        """Change a document and return its body afterwards; repeated where another process wrote meanwhile.

        Raises a ClusterError where the state does not accept such a document at all.
        """
        while True:
            stored = self.state.get([(self.index, key.id)])[0]
            previous = None if stored is None else _body(stored)
            body = change(previous)
            if body is None or body == previous:
                return previous
            if self._write(key, stored, body, now):
                return body

    def _write(self, key: DocumentKey, stored: StoredDocument | None, body: Body, now: datetime) -> bool:
        document = {
            "kind": key.kind,
            "source": key.source,
            "changed": format_timestamp(now),
            "version": VERSION,
            "body": body,
        }
        if stored is not None:
            return self.state.replace(stored, document)
        self.ensure_index(self.index)
        created = self.state.create([NewDocument(index=self.index, id=key.id, document=document)])[0]
        if created.error:
            raise ClusterError(f"`{self.index}` does not accept a document: {created.error}; call `watcher setup`")
        return created.new


def _body(stored: StoredDocument) -> Body:
    body: Body = stored.document.get("body", {})
    return body
