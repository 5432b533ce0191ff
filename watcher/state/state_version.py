"""The version of a state: which programs can read it.

Programs before version 3 end at their start where the document `templates` has no version. So an older program
cannot start on a state that is, or is being, migrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watcher.errors import Refused
from watcher.ports import Documents, NewDocument, StoredDocument
from watcher.state.index_templates import VERSION

_VERSION_ID = "version"
_WITHOUT_VERSION = 2  # the last version that stored it elsewhere
_TEMPLATES_ID = "templates"  # where programs before version 3 stored the version


@dataclass(frozen=True, slots=True)
class StateVersion:
    """The stored version of a state."""

    documents: Documents
    prefix: str = "watcher"

    def read(self) -> int | None:
        """Return the version, None for a new state; an unfinished migration counts as the version before."""
        current, former = self._read()
        if current is not None:
            return int(current.document["version"])
        return None if former is None else int(former.document.get("version", _WITHOUT_VERSION))

    def refuse_newer(self) -> None:
        """Raise Refused where a newer program wrote the state."""
        version = self.read()
        if version is not None and version > VERSION:
            raise Refused(
                f"the state `{self.prefix}-*` has version {version}, and this program reads versions up to {VERSION}; "
                f"install a release of sigma-watcher that reads state version {version}"
            )

    def require_current(self) -> None:
        """Raise Refused where the state has another version than this program; a new state passes."""
        self.refuse_newer()
        version = self.read()
        if version is not None and version < VERSION:
            raise Refused(
                f"the state `{self.prefix}-*` has version {version}, and this program needs version {VERSION}; "
                "run `watcher setup`, which migrates it"
            )

    def fence(self) -> None:
        """Keep programs of older versions from starting on this state."""
        _, former = self._read()
        self._write(_TEMPLATES_ID, former, {"kind": "templates"})

    def write(self) -> None:
        """Store this version: everything is installed and migrated."""
        current, _ = self._read()
        self._write(_VERSION_ID, current, {"kind": "version", "version": VERSION})

    def _read(self) -> tuple[StoredDocument | None, StoredDocument | None]:
        index = f"{self.prefix}-state"
        current, former = self.documents.get([(index, _VERSION_ID), (index, _TEMPLATES_ID)])
        return current, former

    def _write(self, name: str, stored: StoredDocument | None, document: Mapping[str, Any]) -> None:
        """Write a document; where another sidecar writes first, it writes the same."""
        if stored is None:
            self.documents.create([NewDocument(index=f"{self.prefix}-state", id=name, document=document)])
        elif stored.document != document:
            self.documents.replace(stored, document)
