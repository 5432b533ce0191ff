"""How many single messages a channel gets, and when the remaining alerts are sent as a digest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The limits of single messages to one channel: of one rule, and of all rules together."""

    limit: int = 20  # single messages of a rule to a channel `within` a time; further alerts go into a digest
    messages: int | None = None  # single messages to a channel `within` a time; None: any number
    within: timedelta = timedelta(hours=1)
    settle: timedelta = timedelta(minutes=1)  # a digest waits until its rule opened no alert for this time
    longest: timedelta = timedelta(minutes=10)  # it waits no longer than this

    def digest_due(self, opened: tuple[datetime, datetime] | None, *, now: datetime) -> datetime:
        """Return when a digest may be sent; `opened` is when its first and its last alert were opened."""
        if opened is None or self.settle <= timedelta(0):
            return now
        first, last = opened
        return min(last + self.settle, first + self.longest)
