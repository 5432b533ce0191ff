"""Failures of one message: whether its channel or the message alone is the cause, and when it is given up.

A message fails alone where its channel accepted another one since it failed before. Attempts that a killed sidecar
began are no failures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watcher.delivery.deliveries import Delivery, Entry, entry_for
from watcher.timestamps import format_timestamp, parse_timestamp

MOST_ALONE = 10
"""How often a message fails alone before it is given up."""

SHORTEST_ALONE = timedelta(hours=4)
"""How long it fails alone before: a service may ask for many attempts in a short time."""

_RESOLUTION = timedelta(milliseconds=1)  # of stored times


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFailures:
    """How often a message failed alone, since when, and when it failed last."""

    last: datetime
    alone: int = 0
    since: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Whether the message is given up."""
        lasted = timedelta(0) if self.since is None else self.last - self.since
        return self.alone >= MOST_ALONE and lasted >= SHORTEST_ALONE

    def as_values(self) -> Entry:
        """Return what the entry of the delivery stores."""
        since = {} if self.since is None else {"since": format_timestamp(self.since)}
        return {"failures": {"last": format_timestamp(self.last), "alone": self.alone, **since}}


def after_failure(
    delivery: Delivery, accepted_since: Callable[[datetime], bool], *, channel_fails: bool, now: datetime
) -> MessageFailures:
    """Return the failures after one more.

    A message that failed alone goes on to fail alone, also where its channel sent nothing meanwhile: that does not
    count, as nobody knows whether the channel still works.
    """
    before = _stored(delivery)
    if before is None:
        return MessageFailures(last=now)
    if channel_fails:
        return replace(before, last=now)
    if accepted_since(before.last + _RESOLUTION):
        return MessageFailures(last=now, alone=before.alone + 1, since=before.since or now)
    return before if before.alone else replace(before, last=now)


def _stored(delivery: Delivery) -> MessageFailures | None:
    values = (entry_for(delivery.alerts[0], delivery.channel) or {}).get("failures") or {}
    last, since = (parse_timestamp(str(values.get(name) or "")) for name in ("last", "since"))
    return None if last is None else MessageFailures(last=last, alone=int(values.get("alone") or 0), since=since)
