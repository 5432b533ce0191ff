"""Leases: which of several sidecars does which work, by conditional writes and each sidecar's own clock.

No timestamps are compared between machines. A holder counts from before its last renewal was sent. The others take a
lease whose document did not change for a complete period of their own clock. A hash over the live members decides who
should hold a lease, so that a new member moves only its share.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import structlog

from watcher.ports import Clock, PartialUpdate, StoredDocument
from watcher.state.state_documents import Body, DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp

log = structlog.get_logger(__name__)

LISTED_MEMBERS = DocumentKey(kind="members", source="")
"""The document that lists the sidecars of the state."""

_GONE_AFTER = 4  # periods without a beat until a member is removed from the list

Stored = Mapping[str, StoredDocument | None]


@dataclass(slots=True)
class _LastChange:
    """When a document was first seen in its present version."""

    seq_no: int
    at: float  # on the own clock


@dataclass(slots=True)
class Leases:
    """The leases that this sidecar holds."""

    documents: StateDocuments
    clock: Clock
    member: str  # the name of this sidecar
    names: Sequence[str]  # of the leases that this sidecar can hold: others may have other channels and sources
    period: timedelta = timedelta(seconds=30)
    for_complete: Collection[str] = ()  # leases of work that needs every channel: the alerts that it opens name them
    profile: Callable[[], Body] | None = None  # what this sidecar runs, published for comparison
    _until: dict[str, float] = field(default_factory=dict)  # lease → when it expires, on the own clock
    _epochs: dict[str, int] = field(default_factory=dict)  # lease → the epoch in which it was taken
    _changes: dict[str, _LastChange] = field(default_factory=dict)  # id of a document → its last change
    _alive: tuple[str, ...] = ()  # the members that were alive at the last beat
    _beats: int = 0

    def holds(self, lease: str) -> bool:
        """Whether this sidecar holds a lease at the moment; call it before every side effect."""
        until = self._until.get(lease)
        return until is not None and self.clock.monotonic() < until

    @property
    def alive(self) -> frozenset[str]:
        """The members that were alive when the state last answered."""
        return frozenset((*self._alive, self.member))

    def is_rightful(self, lease: str) -> bool:
        """Whether this sidecar should hold a lease, by the members that were alive when the state last answered."""
        return rightful_holder(lease, self.alive) == self.member

    @property
    def held(self) -> tuple[str, ...]:
        """The leases that this sidecar holds."""
        return tuple(lease for lease in self.names if self.holds(lease))

    def beat(self, *, now: datetime) -> None:
        """Renew the own leases, take those that this sidecar should hold, and release those that another should.

        To be called every third of a period. Raises a ClusterError where the state does not answer: then the own
        leases stay held until they expire.
        """
        members = self._join(now)
        sent = self.clock.monotonic()
        leases = dict(zip(self.names, self._read(map(_lease_key, self.names)), strict=True))
        beats = dict(zip(members, self._read(map(member_key, members)), strict=True))
        # silence counts from after a reading: what was read late may have been written late
        read = self.clock.monotonic()
        period = self.period.total_seconds()
        alive = [
            name
            for name in members
            if name == self.member or self._changed(member_key(name), beats[name], read, period)
        ]
        # every lease is timed from the start: whoever inherits one has timed its silence already
        silent = {lease for lease in self.names if not self._changed(_lease_key(lease), leases[lease], read, period)}
        rightful = {
            lease
            for lease in self.names
            if rightful_holder(lease, self._candidates(lease, alive, beats)) == self.member
        }
        self._alive = tuple(alive)
        self._renew(leases, beats[self.member], rightful, sent=sent, now=now)
        for lease in sorted(rightful):
            if not self.holds(lease) and (lease in silent or not _is_held(leases[lease])):
                self._take(lease, leases[lease], sent, now)
        self._remove_silent_members(members, beats, read, now)

    def leave(self, *, now: datetime) -> None:
        """Release every lease, so that the others need not wait."""
        leases = dict(zip(self.names, self._read(map(_lease_key, self.names)), strict=True))
        released = [
            PartialUpdate(stored=stored, part={"body": {"holder": ""}})
            for lease, stored in leases.items()
            if stored is not None and self._is_own(lease, stored)
        ]
        self._until.clear()
        if released:
            self.documents.state.update(released)
        self._change_members(lambda names: [name for name in names if name != self.member], now)

    # ---- members

    def _join(self, now: datetime) -> list[str]:
        members = self._change_members(
            lambda names: names if self.member in names else sorted((*names, self.member)), now
        )
        self.documents.change(member_key(self.member), lambda body: self._own_body(body, now), now=now)
        return members

    def _own_body(self, body: Body | None, now: datetime) -> Body:
        """Return the document of this sidecar with its leases and its profile as they are now."""
        previous = dict(body or {"beat": 0})
        profile = None if self.profile is None else self.profile()
        changed = {} if profile == previous.get("profile") else {"profile_since": format_timestamp(now)}
        return {**previous, "leases": list(self.names), "profile": profile, **changed}

    def _candidates(self, lease: str, alive: Iterable[str], beats: Stored) -> list[str]:
        """Return the live members that can hold a lease; one of an older version, which does not say, can.

        Work that needs every channel goes to no member whose leases are a part of those of another.
        """
        listed = {name: _listed_leases(beats[name]) for name in alive}
        able = {
            name: leases for name, leases in listed.items() if name == self.member or leases is None or lease in leases
        }
        if lease not in self.for_complete:
            return list(able)
        all_leases = [leases for leases in able.values() if leases is not None]
        return [
            name for name, leases in able.items() if leases is None or not any(leases < others for others in all_leases)
        ]

    def _change_members(self, change: Callable[[list[str]], list[str]], now: datetime) -> list[str]:
        def changed(body: Body | None) -> Body:
            return {"names": list(change(list((body or {}).get("names") or ())))}

        body = self.documents.change(LISTED_MEMBERS, changed, now=now) or {}
        return list(body.get("names") or ())

    def _remove_silent_members(self, members: Sequence[str], beats: Stored, at: float, now: datetime) -> None:
        longest = self.period.total_seconds() * _GONE_AFTER
        gone = {
            name
            for name in members
            if name != self.member and not self._changed(member_key(name), beats[name], at, longest)
        }
        if gone:
            self._change_members(lambda names: [name for name in names if name not in gone], now)
            log.info("member.gone", names=sorted(gone))

    # ---- leases

    def _read(self, keys: Iterable[DocumentKey]) -> Sequence[StoredDocument | None]:
        return self.documents.state.get([(self.documents.index, key.id) for key in keys])

    def _changed(self, key: DocumentKey, stored: StoredDocument | None, at: float, longest: float) -> bool:
        """Whether a document changed within the longest silence, by the own clock."""
        seq_no = -1 if stored is None else stored.seq_no
        last = self._changes.get(key.id)
        if last is None or last.seq_no != seq_no:
            self._changes[key.id] = _LastChange(seq_no, at)
            return True
        return at - last.at < longest

    def _is_own(self, lease: str, stored: StoredDocument) -> bool:
        body = stored.document["body"]
        return (body["holder"], body["epoch"]) == (self.member, self._epochs.get(lease))

    def _renew(
        self, leases: Stored, member: StoredDocument | None, rightful: set[str], *, sent: float, now: datetime
    ) -> None:
        """Write all beats in one request, and release with it the leases that another should hold."""
        self._beats += 1
        own = {lease: stored for lease, stored in leases.items() if stored is not None and self._is_own(lease, stored)}
        for lease in set(self._until).difference(own):
            log.warning("lease.lost", lease=lease)
            self._until.pop(lease, None)  # a sidecar that ends may have released it meanwhile
        for lease in set(own).difference(rightful):
            self._until.pop(lease, None)  # before it is written: from here on nothing is done under it
        changes = [
            PartialUpdate(
                stored=stored, part={"body": {"beat": self._beats, **({} if lease in rightful else {"holder": ""})}}
            )
            for lease, stored in own.items()
        ]
        if member is not None:
            # the time is for people and `watcher status` alone: no sidecar compares it
            beat = {"beat": self._beats, "at": format_timestamp(now)}
            changes.append(PartialUpdate(stored=member, part={"body": beat}))
        for lease, written in zip(own, self.documents.state.update(changes), strict=False):
            if written is None:  # another sidecar took it since it was read above
                if self._until.pop(lease, None) is not None:
                    log.warning("lease.lost", lease=lease)
            elif lease in rightful:
                self._until[lease] = sent + self.period.total_seconds()
                self._changes[_lease_key(lease).id] = _LastChange(written.seq_no, sent)

    def _take(self, lease: str, stored: StoredDocument | None, sent: float, now: datetime) -> None:
        """Take a lease that no sidecar holds, or whose holder did not renew it for a complete period."""
        previous = None if stored is None else dict(stored.document["body"])
        epoch = int((previous or {}).get("epoch") or 0) + 1
        taken: dict[str, Any] = {
            "holder": self.member,
            "epoch": epoch,
            "period": self.period.total_seconds(),
            "beat": self._beats,
        }

        def changed(body: Body | None) -> Body | None:
            return taken if body == previous else None

        if self.documents.change(_lease_key(lease), changed, now=now) == taken:
            self._until[lease] = sent + self.period.total_seconds()
            self._epochs[lease] = epoch
            log.info("lease.taken", lease=lease, epoch=epoch)


def lease_holders(documents: StateDocuments, leases: Sequence[str]) -> dict[str, str]:
    """Return the last holder of each lease, empty where none holds it; whether it still runs is unknown here."""
    bodies = documents.read_all([_lease_key(lease) for lease in leases])
    return {lease: str((body or {}).get("holder") or "") for lease, body in zip(leases, bodies, strict=True)}


def rightful_holder(lease: str, alive: Iterable[str]) -> str:
    """Return which of the live members should hold a lease (rendezvous hashing)."""
    return max(alive, key=lambda name: blake2b(f"{lease}\0{name}".encode(), digest_size=16).digest())


def _listed_leases(member: StoredDocument | None) -> frozenset[str] | None:
    """Return the leases that a member can hold; None where an older version wrote its document."""
    names = None if member is None else member.document["body"].get("leases")
    return frozenset(names) if isinstance(names, list) else None


def _is_held(stored: StoredDocument | None) -> bool:
    return stored is not None and bool(stored.document["body"].get("holder"))


def _lease_key(lease: str) -> DocumentKey:
    return DocumentKey(kind="lease", source=lease)


def member_key(name: str) -> DocumentKey:
    """Return the key of the document that a member renews."""
    return DocumentKey(kind="member", source=name)
