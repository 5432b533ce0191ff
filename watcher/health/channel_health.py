"""Whether each channel delivers: its stored state, and the deliveries that wait in the alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher.delivery.channel_state import ChannelState, ChannelStates
from watcher.delivery.deliveries import delivery_entries, is_of_status
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.ports import DocumentReader, StateQuery
from watcher.timestamps import parse_timestamp

_READ = 500  # alerts, the oldest that wait
_FIELDS = ("watcher.deliveries", "event.created")
_WAITING = ("pending", "claimed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    """What the state holds about a channel, or one recipient of it."""

    state: ChannelState
    waiting: int = 0  # messages that are not sent yet
    oldest_waiting: datetime | None = None  # when the alert of the oldest one was opened

    @property
    def channel(self) -> str:
        """The name, as in deliveries."""
        return self.state.channel


def read_waiting(documents: DocumentReader, prefix: str) -> Mapping[str, Sequence[datetime]]:
    """Return when the oldest alerts were opened whose messages wait, by channel; the newest may be missing."""
    order = {"event.created": "asc"}
    query = {"exists": {"field": "watcher.deliveries.due"}}
    state_query = StateQuery(index=f"{prefix}-alerts-*", query=query, size=_READ, sort=(order,), only=_FIELDS)
    return waiting_since(stored.document for stored in documents.search(state_query))


def read_channel_health(
    waiting: Mapping[str, Sequence[datetime]], states: ChannelStates, channels: Iterable[str]
) -> tuple[ChannelHealth, ...]:
    """Return the health of channels of settings, and of their recipients for which messages wait."""
    names = set(channels)
    listed = sorted(names | {name for name in waiting if channel_of(name) in names})
    return tuple(
        ChannelHealth(
            state=state, waiting=len(waiting.get(name, ())), oldest_waiting=min(waiting.get(name, ()), default=None)
        )
        for name, state in states.read_all(listed).items()
    )


def channel_of(name: str) -> str:
    """Return the channel's name in settings of the name of a delivery: `mail/soc@example.org` is one of `mail`."""
    return name.partition("/")[0]


def waiting_since(alerts: Iterable[Mapping[str, Any]]) -> Mapping[str, Sequence[datetime]]:
    """Return when the alerts were opened whose messages wait, by channel."""
    waiting: dict[str, list[datetime]] = {}
    for channel, opened in _waiting_deliveries(alerts):
        waiting.setdefault(channel, []).append(opened)
    return waiting


def _waiting_deliveries(alerts: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, datetime]]:
    for document in alerts:
        opened = parse_timestamp(str((document.get("event") or {}).get("created") or ""))
        for entry in delivery_entries(document):
            is_planned = is_of_status(str(entry["channel"])) and "error" not in entry  # the count of hits, in a while
            if opened is not None and entry["state"] in _WAITING and not is_planned:
                yield str(entry["channel"]), opened


def channel_problem(health: ChannelHealth) -> Problem | None:
    """Return the problem of a channel that accepted no message since a failure, None where there is none."""
    state = health.state
    if not state.is_failing:
        return None
    what = "refuses all messages" if state.is_refused else "does not deliver"
    title = f"channel `{health.channel}` {what}"
    since = f"since {state.since:%Y-%m-%d %H:%M:%S} UTC" if state.since else "for now"
    advice = "correct its settings and restart the sidecar" if state.is_refused else ""
    parts = [f"{title} {since}: {state.error}", advice, f"{health.waiting:,} messages wait"]
    if state.given_up:
        parts.append(f"{state.given_up:,} were given up, and `watcher resend` sends them again")
    parts.append(f"`watcher notify {channel_of(health.channel)}` sends a test message")
    return Problem(
        kind=ProblemKind.CHANNEL_FAILS, subject=health.channel, title=title, message="; ".join(filter(None, parts))
    )
