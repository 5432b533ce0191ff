"""Whether each channel delivers, by the deliveries that the alerts store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher.delivery.deliveries import Entry, delivery_entries
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.ports import DocumentReader, StateQuery
from watcher.timestamps import parse_timestamp

_READ = 500  # alerts of each search
_FIELDS = ("watcher.deliveries", "event.created")
_WAITING = {"exists": {"field": "watcher.deliveries.due"}}
_REFUSED = {"exists": {"field": "watcher.deliveries.error"}}
_SENT = {"exists": {"field": "watcher.deliveries.sent"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    """What the newest alerts store about a channel."""

    channel: str
    waiting: int = 0  # messages that are not sent yet
    refused: int = 0  # messages that were given up since the channel last accepted one
    oldest_waiting: datetime | None = None  # when the alert of the oldest one was opened
    last_sent: datetime | None = None
    error: str = ""  # of the newest message that the channel did not accept since it last accepted one

    @property
    def delivers(self) -> bool:
        """Whether the channel accepted a message after the last one that it did not accept."""
        return not self.error


def read_channel_health(documents: DocumentReader, prefix: str) -> tuple[ChannelHealth, ...]:
    """Return the health of each channel that the alerts name; what was just written may be missing."""
    pattern = f"{prefix}-alerts-*"
    searches = (
        (_WAITING, {"event.created": "asc"}),
        (_REFUSED, {"event.created": "desc"}),
        (_SENT, {"watcher.deliveries.sent": "desc"}),
    )
    alerts: dict[str, Mapping[str, Any]] = {}
    for query, order in searches:
        state_query = StateQuery(index=pattern, query=query, size=_READ, sort=(order,), only=_FIELDS)
        alerts |= {stored.id: stored.document for stored in documents.search(state_query)}
    return channel_health(alerts.values())


def channel_health(alerts: Iterable[Mapping[str, Any]]) -> tuple[ChannelHealth, ...]:
    """Return the health of each channel that some alert documents name."""
    by_channel: dict[str, list[tuple[datetime, Entry]]] = {}
    for document in alerts:
        created = parse_timestamp(str((document.get("event") or {}).get("created") or ""))
        for entry in delivery_entries(document) if created else ():
            by_channel.setdefault(str(entry["channel"]), []).append((created, entry))  # type: ignore[arg-type]
    return tuple(_health(name, by_channel[name]) for name in sorted(by_channel))


def _health(channel: str, entries: Sequence[tuple[datetime, Entry]]) -> ChannelHealth:
    sent = [moment for _, entry in entries if (moment := parse_timestamp(str(entry.get("sent") or "")))]
    last_sent = max(sent, default=None)
    waiting = [created for created, entry in entries if entry["state"] in ("pending", "claimed")]
    failing = sorted(
        (created, str(entry["state"]), str(entry["error"]))
        for created, entry in entries
        if entry.get("error") and entry["state"] != "sent" and (last_sent is None or created > last_sent)
    )
    return ChannelHealth(
        channel=channel,
        waiting=len(waiting),
        refused=sum(state == "failed" for _, state, _ in failing),
        oldest_waiting=min(waiting, default=None),
        last_sent=last_sent,
        error=failing[-1][2] if failing else "",
    )


def channel_problem(health: ChannelHealth) -> Problem | None:
    """Return the problem of a channel that does not deliver, None where it does."""
    if health.delivers:
        return None
    title = f"channel `{health.channel}` does not deliver"
    since = f"its last message was accepted at {health.last_sent:%H:%M:%S} UTC" if health.last_sent else "it never did"
    counts = f"{health.waiting:,} messages wait, {health.refused:,} were given up"
    return Problem(
        kind=ProblemKind.CHANNEL_FAILS,
        subject=health.channel,
        title=title,
        message=f"{title}: {health.error}; {since}; {counts}; `watcher notify {health.channel}` sends a test message",
    )
