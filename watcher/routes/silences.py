"""Silences: alerts that send no messages for a time, by labels; they are stored and counted all the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from watcher.routes.calendars import Calendar
from watcher.routes.label_matchers import Matchers, all_match
from watcher.routes.labels import Labels
from watcher.routes.matcher_syntax import MatcherError, parse_matchers
from watcher.timestamps import format_timestamp, parse_timestamp

_KIND = "kind"
_MATCH = "match"
LONGEST_TEXT = 500
"""Characters of a reason or a name."""


class SilencePhase(StrEnum):
    """Whether a silence holds messages back."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


class Silencer(Protocol):
    """What holds messages back: a silence or a maintenance window."""

    @property
    def matchers(self) -> Matchers:
        """The labels of the alerts."""
        ...

    @property
    def answer(self) -> str:
        """Why there was no message: the reason that a delivery stores, by which its alerts are counted."""
        ...

    def holds(self, at: datetime) -> bool:
        """Whether it holds messages back at a time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSilence:
    """A silence that a person created."""

    id: str
    matchers: Matchers
    start: datetime
    until: datetime  # not included
    by: str
    reason: str
    created: datetime
    expired_by: str = ""  # who ended it early
    notice_claimed: datetime | None = None  # until when a sidecar sends the notice of its end
    notified: datetime | None = None  # when operators heard of its end

    @property
    def answer(self) -> str:
        """Why there was no message; the same for as long as the silence exists."""
        return f"silence {self.id} of {self.by} ({self.reason})"

    def phase(self, at: datetime) -> SilencePhase:
        """Return whether it holds messages back at a time."""
        if at >= self.until:
            return SilencePhase.EXPIRED
        return SilencePhase.ACTIVE if at >= self.start else SilencePhase.PENDING

    def holds(self, at: datetime) -> bool:
        """Whether it holds messages back at a time."""
        return self.phase(at) is SilencePhase.ACTIVE

    def as_document(self) -> dict[str, Any]:
        """Return what is stored of it."""
        moments = {
            "start": self.start,
            "until": self.until,
            "created": self.created,
            "notice_claimed": self.notice_claimed,
            "notified": self.notified,
        }
        return {
            "id": self.id,
            "matchers": ", ".join(map(str, self.matchers)),
            "by": self.by,
            "reason": self.reason,
            "expired_by": self.expired_by,
            **{name: format_timestamp(moment) for name, moment in moments.items() if moment is not None},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> StoredSilence | None:
        """Return the silence that `as_document` wrote; None for anything else."""
        start, until, created = (_moment(document, name) for name in ("start", "until", "created"))
        try:
            matchers = parse_matchers(str(document.get("matchers") or ""))
        except MatcherError:
            return None
        if start is None or until is None or created is None or not document.get("id"):
            return None
        return cls(
            id=str(document["id"]),
            matchers=matchers,
            start=start,
            until=until,
            by=str(document.get("by") or ""),
            reason=str(document.get("reason") or ""),
            created=created,
            expired_by=str(document.get("expired_by") or ""),
            notice_claimed=_moment(document, "notice_claimed"),
            notified=_moment(document, "notified"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """Recurring times of settings in which alerts send no messages."""

    name: str
    matchers: Matchers
    calendars: tuple[Calendar, ...]  # one of them must hold
    line: int = 0  # in the settings file
    since: datetime | None = None  # when it began to hold, where it holds

    @property
    def answer(self) -> str:
        """Why there was no message; the same for as long as it holds."""
        began = f" from {self.since:%Y-%m-%d %H:%M} UTC" if self.since is not None else ""
        return f"maintenance window {self.name}{began}"

    def holds(self, at: datetime) -> bool:
        """Whether it holds messages back at a time."""
        return any(calendar.holds(at) for calendar in self.calendars)


def silencer_of(silencers: Iterable[Silencer], labels: Labels, at: datetime) -> Silencer | None:
    """Return the first silence or window that holds back the message about an alert; None where none does."""
    return next(
        (silencer for silencer in silencers if silencer.holds(at) and silences(silencer.matchers, labels)), None
    )


def silences(matchers: Matchers, labels: Labels) -> bool:
    """Whether matchers mean an alert.

    Alerts about events that a rule could not decide are meant only where the matchers name `kind`: they are no known
    event, but a problem of the rule.
    """
    is_match = _MATCH in labels.get(_KIND, (_MATCH,))
    return (is_match or any(matcher.label == _KIND for matcher in matchers)) and all_match(matchers, labels)


def _moment(document: Mapping[str, Any], name: str) -> datetime | None:
    return parse_timestamp(str(document.get(name) or ""))
