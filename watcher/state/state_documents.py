"""What watcher notes down for itself: small documents of the state index, changed only under a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher.errors import ClusterError
from watcher.ports import NewDocument, State, StoredDocument
from watcher.state.index_templates import VERSION
from watcher.timestamps import format_timestamp

Body = Mapping[str, Any]
Change = Callable[[Body | None], Body | None]
"""Body as it stands (None: there is no document) → the new one, or None where nothing is to be written."""


def _assume_index(_index: str) -> None:
    """Take it for granted that the index is there, or has a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKey:
    """Which note: its kind, the source that it speaks of, and what tells it from others."""

    kind: str
    source: str
    of: str = ""

    @property
    def id(self) -> str:
        """The id of its document."""
        return "-".join(part for part in (self.kind, self.source, self.of) if part)


@dataclass(frozen=True, slots=True)
class StateDocuments:
    """The notes in the index `<prefix>-state`."""

    state: State
    prefix: str = "watcher"
    ensure_index: Callable[[str], None] = _assume_index  # asked before the index is written to for the first time

    @property
    def index(self) -> str:
        """The name of the index."""
        return f"{self.prefix}-state"

    def read(self, name: DocumentKey) -> Body | None:
        """Give the body of a note, realtime; None where there is none."""
        return self.read_all((name,))[0]

    def read_all(self, names: Sequence[DocumentKey]) -> Sequence[Body | None]:
        """Give the bodies of some notes, in order."""
        found = self.state.get([(self.index, name.id) for name in names])
        return [None if stored is None else _body(stored) for stored in found]

    def change(self, name: DocumentKey, change: Change, *, now: datetime) -> Body | None:
        """Change a note, again where somebody else wrote meanwhile; gives what stands there afterwards.

        Raises a ClusterError where the state takes no such document at all.
        """
        while True:
            stored = self.state.get([(self.index, name.id)])[0]
            body = None if stored is None else _body(stored)
            made = change(body)
            if made is None or made == body:
                return body
            if self._write(name, stored, made, now):
                return made

    def _write(self, name: DocumentKey, stored: StoredDocument | None, body: Body, now: datetime) -> bool:
        document = {
            "kind": name.kind,
            "source": name.source,
            "changed": format_timestamp(now),
            "version": VERSION,
            "body": body,
        }
        if stored is not None:
            return self.state.replace(stored, document)
        self.ensure_index(self.index)
        created = self.state.create([NewDocument(index=self.index, id=name.id, document=document)])[0]
        if created.error:
            raise ClusterError(f"`{self.index}` does not take a note: {created.error}; call `watcher setup`")
        return created.new


def _body(stored: StoredDocument) -> Body:
    body: Body = stored.document.get("body", {})
    return body
