"""Which alerts are messages of their own, and when the others are sent as a digest."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watcher.model import Level


class Reason(StrEnum):
    """Why an alert is a message of its own, or a part of a digest; stored with its delivery."""

    WITHIN_LIMITS = "within-limits"
    CRITICAL = "critical"  # no limit holds for it
    LIMIT_OF_KEY = "limit-of-key"
    LIMIT_OF_RULE = "limit-of-rule"
    LIMIT_OF_CHANNEL = "limit-of-channel"
    DIGEST_OF_ROUTE = "digest-of-route"  # its route has a digest
    UNFINISHED_DIGEST = "unfinished-digest"  # a digest that was claimed and not marked as sent is sent again

    @property
    def is_single(self) -> bool:
        """Whether the alert is a message of its own."""
        return self in (Reason.WITHIN_LIMITS, Reason.CRITICAL)


_NOTES = {
    Reason.LIMIT_OF_KEY: "`rate_limit.alerts_per_key` single messages of this level or higher about one group key",
    Reason.LIMIT_OF_RULE: "`rate_limit.alerts` single messages of the rule",
    Reason.LIMIT_OF_CHANNEL: "`rate_limit.messages` single messages of this level or higher",
}


def reason_note(reason: str) -> str:
    """Return why alerts are in a digest as a sentence; empty for any other reason."""
    note = _NOTES.get(Reason(reason)) if reason in tuple(Reason) else None
    return f"The channel got {note} in the last hour." if note else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The limits of single messages to one channel `within` a time; None: any number."""

    limit: int = 20  # of a rule
    per_key: int | None = None  # with the same group key, of all rules whose level is the same or higher
    messages: int | None = None  # of all rules whose level is the same or higher
    within: timedelta = timedelta(hours=1)
    settle: timedelta = timedelta(minutes=1)  # a digest waits until its rule opened no alert for this time
    longest: timedelta = timedelta(minutes=10)  # it waits no longer than this

    def digest_due(self, opened: tuple[datetime, datetime] | None, *, now: datetime) -> datetime:
        """Return when a digest may be sent; `opened` is when its first and its last alert were opened."""
        if opened is None or self.settle <= timedelta(0):
            return now
        first, last = opened
        return min(last + self.settle, first + self.longest)


UNLIMITED = RateLimit(limit=sys.maxsize)
"""The limits of what is no message: what people did to an alert is shown at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCounts:
    """The single messages that a channel got `within` the time of its limits."""

    of_key: int = 0  # with the same group key, of all rules whose level is the same or higher
    of_rule: int = 0
    of_level: int = 0  # of all rules whose level is the same or higher


def message_form(level: str, sent: SentCounts, limit: RateLimit, *, is_in_digest: bool = False) -> Reason:
    """Return whether an alert is a message of its own, by the reason.

    Alerts of lower levels change nothing: their messages are not counted against it.
    """
    if is_in_digest:
        return Reason.UNFINISHED_DIGEST
    if level == Level.CRITICAL:
        return Reason.CRITICAL
    if limit.messages is not None and sent.of_level >= limit.messages:
        return Reason.LIMIT_OF_CHANNEL
    if sent.of_rule >= limit.limit:
        return Reason.LIMIT_OF_RULE
    if limit.per_key is not None and sent.of_key >= limit.per_key:
        return Reason.LIMIT_OF_KEY
    return Reason.WITHIN_LIMITS
