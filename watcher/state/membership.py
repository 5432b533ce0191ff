"""The sidecars of a state as their leases show them: who holds what, and when each was last seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher.state.leases import LISTED_MEMBERS, lease_holders, member_key
from watcher.state.member_profile import MemberProfile, profile_from_body
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import parse_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """The holders of the leases and the last signs of life of the members, by the cluster's time."""

    period: timedelta
    holders: Mapping[str, str] = field(default_factory=dict)  # lease → its last holder, empty where there is none
    last_seen: Mapping[str, datetime | None] = field(default_factory=dict)  # None: a version that does not say
    profiles: Mapping[str, MemberProfile] = field(default_factory=dict)  # of the members that publish what they run

    def is_alive(self, member: str, now: datetime) -> bool:
        """Whether a member renewed its leases within their period."""
        if member not in self.last_seen:
            return False
        seen = self.last_seen[member]
        return seen is None or now - seen <= self.period * 1.5

    def alive(self, now: datetime) -> frozenset[str]:
        """Return the members that renewed their leases lately."""
        return frozenset(member for member in self.last_seen if self.is_alive(member, now))


def read_membership(documents: StateDocuments, leases: Sequence[str], period: timedelta) -> Membership:
    """Read who holds the leases, and when each member was last seen."""
    holders = lease_holders(documents, leases)
    names = tuple((documents.read(LISTED_MEMBERS) or {}).get("names") or ())
    bodies = documents.read_all([member_key(name) for name in names]) if names else ()
    members = {name: body for name, body in zip(names, bodies, strict=True) if body is not None}
    seen = {name: parse_timestamp(str(body.get("at") or "")) for name, body in members.items()}
    profiles = {name: profile for name, body in members.items() if (profile := profile_from_body(body)) is not None}
    return Membership(period=period, holders=holders, last_seen=seen, profiles=profiles)
