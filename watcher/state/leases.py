"""Who of several sidecars does what: leases on works, renewed by conditional writes, timed on one's own clock.

No timestamps are compared between machines. A holder counts from before its last renewal was sent; the others take a
lease whose document did not move for a whole period of their own clock. Who ought to hold a work is told by a digest
over those who are alive, so that one more member moves its share and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import structlog

from watcher.ports import Clock, PartialUpdate, StoredDocument
from watcher.state.state_documents import Body, DocumentKey, StateDocuments

log = structlog.get_logger(__name__)

_MEMBERS = DocumentKey(kind="members", source="")
_GONE_AFTER = 4  # periods without a beat until a member is taken off the list


@dataclass(slots=True)
class _LastMove:
    """When a document was first seen as it is."""

    seq_no: int
    at: float  # on the own clock


@dataclass(slots=True)
class Leases:
    """The works that this sidecar holds, out of those that there are."""

    notes: StateDocuments
    clock: Clock
    me: str
    works: Sequence[str]
    period: timedelta = timedelta(seconds=30)
    _until: dict[str, float] = field(default_factory=dict)  # work → when it is no longer ours, on the own clock
    _epochs: dict[str, int] = field(default_factory=dict)  # work → the epoch in which we took it
    _seen: dict[str, _LastMove] = field(default_factory=dict)  # id of a document → when it was last seen to move
    _beats: int = 0

    def holds(self, work: str) -> bool:
        """Tell whether a work is ours at this moment; ask before every side effect."""
        until = self._until.get(work)
        return until is not None and self.clock.monotonic() < until

    @property
    def held(self) -> tuple[str, ...]:
        """Name the works that are ours."""
        return tuple(work for work in self.works if self.holds(work))

    def beat(self, *, now: datetime) -> None:
        """Renew what is ours, take what ought to be, give away what ought to be another's.

        To be called every third of a period. Raises a ClusterError where the state does not answer: then what was
        ours stays so until its time is over.
        """
        members = self._join(now)
        sent = self.clock.monotonic()
        leases = dict(zip(self.works, self._read(map(_lease, self.works)), strict=True))
        beats = dict(zip(members, self._read(map(_member, members)), strict=True))
        # silence is timed from after a reading: what was read late may have been written late
        read = self.clock.monotonic()
        alive = [name for name in members if name == self.me or self._moves(_member(name), beats[name], read)]
        # every lease is watched from the start: whoever inherits one has timed its silence already
        silent = {work for work in self.works if not self._moves(_lease(work), leases[work], read)}
        mine = {work for work in self.works if rightful_holder(work, alive) == self.me}
        self._renew(leases, beats[self.me], mine, sent)
        for work in sorted(mine):
            if not self.holds(work) and (work in silent or not _is_held(leases[work])):
                self._take(work, leases[work], sent, now)
        self._forget(members, beats, read, now)

    def leave(self, *, now: datetime) -> None:
        """Give everything away, so that the others need not wait."""
        leases = dict(zip(self.works, self._read(map(_lease, self.works)), strict=True))
        given = [
            PartialUpdate(stored=stored, part={"body": {"holder": ""}})
            for work, stored in leases.items()
            if stored is not None and self._is_ours(work, stored)
        ]
        self._until.clear()
        if given:
            self.notes.state.update(given)
        self._list(lambda names: [name for name in names if name != self.me], now)

    # ---- members

    def _join(self, now: datetime) -> list[str]:
        listed = self._list(lambda names: names if self.me in names else sorted((*names, self.me)), now)
        self.notes.change(_member(self.me), lambda body: body or {"beat": 0}, now=now)
        return listed

    def _list(self, change: Any, now: datetime) -> list[str]:
        def made(body: Body | None) -> Body:
            return {"names": list(change(list((body or {}).get("names") or ())))}

        written = self.notes.change(_MEMBERS, made, now=now) or {}
        return list(written.get("names") or ())

    def _forget(
        self, members: Sequence[str], beats: Mapping[str, StoredDocument | None], at: float, now: datetime
    ) -> None:
        patience = self.period.total_seconds() * _GONE_AFTER
        gone = {
            name for name in members if name != self.me and not self._moves(_member(name), beats[name], at, patience)
        }
        if gone:
            self._list(lambda names: [name for name in names if name not in gone], now)
            log.info("member.gone", names=sorted(gone))

    # ---- leases

    def _read(self, names: Iterable[DocumentKey]) -> Sequence[StoredDocument | None]:
        return self.notes.state.get([(self.notes.index, name.id) for name in names])

    def _moves(
        self, name: DocumentKey, stored: StoredDocument | None, at: float, patience: float | None = None
    ) -> bool:
        """Tell whether a document moved within a period (or another patience), by the own clock."""
        seq_no = -1 if stored is None else stored.seq_no
        seen = self._seen.get(name.id)
        if seen is None or seen.seq_no != seq_no:
            self._seen[name.id] = _LastMove(seq_no, at)
            return True
        return at - seen.at < (self.period.total_seconds() if patience is None else patience)

    def _is_ours(self, work: str, stored: StoredDocument) -> bool:
        body = stored.document["body"]
        return (body["holder"], body["epoch"]) == (self.me, self._epochs.get(work))

    def _renew(
        self, leases: Mapping[str, StoredDocument | None], member: StoredDocument | None, mine: set[str], sent: float
    ) -> None:
        """Write all beats in one request: a lease that ought to be another's is given away with it."""
        self._beats += 1
        ours = [work for work, stored in leases.items() if stored is not None and self._is_ours(work, stored)]
        for lost in set(self._until).difference(ours):
            log.warning("lease.lost", work=lost)
            del self._until[lost]
        for given in set(ours).difference(mine):
            self._until.pop(given, None)  # before it is written: from here on nothing is done under it
        changes = [
            PartialUpdate(
                stored=stored, part={"body": {"beat": self._beats, **({} if work in mine else {"holder": ""})}}
            )
            for work in ours
            if (stored := leases[work]) is not None
        ]
        if member is not None:
            changes.append(PartialUpdate(stored=member, part={"body": {"beat": self._beats}}))
        for work, made in zip(ours, self.notes.state.update(changes), strict=False):
            if made is None:  # another took it since it was read above
                if self._until.pop(work, None) is not None:
                    log.warning("lease.lost", work=work)
            elif work in mine:
                self._until[work] = sent + self.period.total_seconds()
                self._seen[_lease(work).id] = _LastMove(made.seq_no, sent)

    def _take(self, work: str, stored: StoredDocument | None, sent: float, now: datetime) -> None:
        """Take a work that nobody holds, or whose holder did not renew it for a whole period."""
        body = {} if stored is None else stored.document["body"]
        epoch = int(body.get("epoch") or 0) + 1
        taken: dict[str, Any] = {
            "holder": self.me,
            "epoch": epoch,
            "period": self.period.total_seconds(),
            "beat": self._beats,
        }
        wanted = None if stored is None else dict(body)

        def made(now_there: Body | None) -> Body | None:
            return taken if now_there == wanted else None

        if self.notes.change(_lease(work), made, now=now) == taken:
            self._until[work] = sent + self.period.total_seconds()
            self._epochs[work] = epoch
            log.info("lease.taken", work=work, epoch=epoch)


def lease_holders(notes: StateDocuments, works: Sequence[str]) -> dict[str, str]:
    """Tell who wrote last that it does each work, empty where nobody; whether it still lives is not known here."""
    found = notes.read_all([_lease(work) for work in works])
    return {work: str((body or {}).get("holder") or "") for work, body in zip(works, found, strict=True)}


def rightful_holder(work: str, alive: Iterable[str]) -> str:
    """Tell who of the living ought to do a work (rendezvous hashing)."""
    return max(alive, key=lambda name: blake2b(f"{work}\0{name}".encode(), digest_size=16).digest())


def _is_held(stored: StoredDocument | None) -> bool:
    return stored is not None and bool(stored.document["body"].get("holder"))


def _lease(work: str) -> DocumentKey:
    return DocumentKey(kind="lease", source=work)


def _member(name: str) -> DocumentKey:
    return DocumentKey(kind="member", source=name)
