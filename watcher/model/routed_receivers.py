"""Receivers of an alert, as its routes decided when it was opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedReceiver:
    """A channel that gets an alert, and when."""

    channel: str
    route: str = ""  # empty: the default
    after: timedelta = _AT_ONCE  # longer: an escalation, where nobody acknowledged the alert until then
    digest: timedelta | None = None  # how often its digest is sent; None: a message for each alert
    group: str = ""  # of a digest: alerts of a group are in a message together
    fallback_of: str = ""  # the channel that does not accept messages; empty: its routes lead to it

    @property
    def is_escalation(self) -> bool:
        """Whether it gets only alerts that nobody acknowledged."""
        return self.after > _AT_ONCE

    def due(self, moment: datetime) -> datetime:
        """Return when the message about an alert is due that was opened at a moment."""
        due = moment + self.after
        return due if self.digest is None else next_digest(due, self.digest)

    def update_due(self, moment: datetime) -> datetime:
        """Return when an update is due of an alert that changed at a moment."""
        return moment if self.digest is None else next_digest(moment, self.digest)

    def as_document(self) -> dict[str, Any]:
        """Return what a stored delivery keeps of it, without what is empty."""
        document: dict[str, Any] = {"route": self.route} if self.route else {}
        if self.is_escalation:
            document["after"] = int(self.after.total_seconds())
        if self.digest is not None:
            document |= {"digest": int(self.digest.total_seconds()), "group": self.group}
        return {**document, "fallback_of": self.fallback_of} if self.fallback_of else document

    @classmethod
    def from_document(cls, channel: str, document: Mapping[str, Any]) -> RoutedReceiver:
        """Return the receiver that `as_document` wrote."""
        interval = document.get("digest")
        return cls(
            channel=channel,
            route=str(document.get("route") or ""),
            after=timedelta(seconds=int(document.get("after") or 0)),
            digest=None if interval is None else timedelta(seconds=int(interval)),
            group=str(document.get("group") or ""),
            fallback_of=str(document.get("fallback_of") or ""),
        )


def next_digest(after: datetime, interval: timedelta) -> datetime:
    """Return the first moment after another at which digests of an interval are sent: full hours for `1h`."""
    return after + interval - (after - _EPOCH) % interval
