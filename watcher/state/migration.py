"""Migration of a state that an older version of this program wrote, in place.

Every write is conditional on the document as it was read. So the migration may be killed at any step and run again,
and two sidecars may migrate at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from watcher.errors import Overloaded
from watcher.model import Query
from watcher.ports import Clock, Documents, Replacement, StateQuery, StoredDocument
from watcher.state.index_templates import VERSION

log = structlog.get_logger(__name__)

Document = Mapping[str, Any]
Upgrade = Callable[[Document], Document]

_DEFAULT_PERIOD = 30.0  # seconds of a lease, where no lease says its own
_POLL = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Rewrites documents of older versions in the form of this version."""

    documents: Documents
    clock: Clock
    upgrade_alert: Upgrade
    upgrade_bodies: Mapping[str, Upgrade] = field(default_factory=dict)  # kind of a state document → its body
    prefix: str = "watcher"
    page: int = 100  # documents of a request; an alert holds its event as JSON, which may be large

    def check_members(self) -> None:
        """Raise Overloaded where a sidecar of an older version is running on this state.

        It would neither find nor keep what is migrated. A running member renews its document in every lease period,
        so this waits for one period, but only if an older version left members behind.
        """
        members = self._older_members()
        if not members:
            return
        deadline = self.clock.monotonic() + self._lease_period()
        while self.clock.monotonic() < deadline:
            self.clock.wait(_POLL)
            current = {stored.id: stored.seq_no for stored in self._older_members()}
            running = [stored.id for stored in members if current.get(stored.id, stored.seq_no) != stored.seq_no]
            if running:
                names = ", ".join(f"`{name.removeprefix('member-')}`" for name in running)
                raise Overloaded(
                    f"a sidecar of an older version is running on the state `{self.prefix}-*`: {names}; "
                    "stop it, then the state is migrated to this version"
                )

    def run(self) -> int:
        """Rewrite every document of an older version; return how many were rewritten."""
        count = self._run(f"{self.prefix}-alerts-*", _older("watcher.version"), self._upgraded_alert)
        if self.upgrade_bodies:
            query = _older("version", {"terms": {"kind": sorted(self.upgrade_bodies)}})
            count += self._run(self._state_index, query, self._upgraded_state)
        if count:
            log.info("state.migrated", documents=count, version=VERSION)
        return count

    def _run(self, index: str, query: Query, upgraded: Callable[[StoredDocument], Document]) -> int:
        count = 0
        while True:
            self.documents.refresh(index)  # rewritten documents no longer match the query
            page = self.documents.search(StateQuery(index=index, query=query, size=self.page))
            if not page:
                return count
            # false: another sidecar rewrote it first; the next page shows whether it is still of an older version
            count += sum(
                self.documents.replace_many([Replacement(stored=stored, document=upgraded(stored)) for stored in page])
            )

    def _upgraded_alert(self, stored: StoredDocument) -> Document:
        return self.upgrade_alert(stored.document)

    def _upgraded_state(self, stored: StoredDocument) -> Document:
        document = stored.document
        body = self.upgrade_bodies[document["kind"]](document.get("body") or {})
        return {**document, "version": VERSION, "body": body}

    @property
    def _state_index(self) -> str:
        return f"{self.prefix}-state"

    def _older_members(self) -> Sequence[StoredDocument]:
        """Return the documents of the listed members that an older version wrote."""
        (listed,) = self.documents.get([(self._state_index, "members")])
        names = (listed.document.get("body") or {}).get("names") or () if listed else ()
        members = self.documents.get([(self._state_index, f"member-{name}") for name in names]) if names else ()
        return [stored for stored in members if stored is not None and stored.document.get("version", 0) < VERSION]

    def _lease_period(self) -> float:
        """Return the longest lease period that is stored, in seconds."""
        leases = self.documents.search(
            StateQuery(index=self._state_index, query={"term": {"kind": "lease"}}, size=1000)
        )
        periods = (float((stored.document.get("body") or {}).get("period") or 0) for stored in leases)
        return max(periods, default=0.0) or _DEFAULT_PERIOD


def _older(field_name: str, *filters: Query) -> Query:
    return {"bool": {"filter": list(filters), "must_not": [{"range": {field_name: {"gte": VERSION}}}]}}
