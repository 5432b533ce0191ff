"""Messages that channels refused for good: operators hear of them, also where the channel accepts others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.counted_nouns import counted
from watcher.delivery.deliveries import delivery_entries
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.ports import DocumentReader, StateQuery
from watcher.timestamps import format_timestamp, parse_timestamp

_LASTS = timedelta(days=1)  # since the last message that was given up
_READ = 500  # alerts, the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """The messages that a channel, or one recipient of it, refused for good."""

    messages: int
    error: str  # of the last one


def read_given_up(documents: DocumentReader, prefix: str, *, now: datetime) -> Mapping[str, GivenUp]:
    """Return what was given up in the last day, by the channel of the delivery; what was sent again is left out."""
    since = now - _LASTS
    query = {"range": {"watcher.deliveries.failed": {"gte": format_timestamp(since)}}}
    newest = ({"watcher.deliveries.failed": "desc"},)
    alerts = documents.search(
        StateQuery(index=f"{prefix}-alerts-*", query=query, size=_READ, sort=newest, only=("watcher.deliveries",))
    )
    result: dict[str, GivenUp] = {}
    for stored in alerts:
        for entry in delivery_entries(stored.document):
            failed = parse_timestamp(str(entry.get("failed") or ""))
            if entry["state"] == "failed" and failed is not None and failed >= since:
                before = result.get(str(entry["channel"]), GivenUp(messages=0, error=str(entry.get("error") or "")))
                result[str(entry["channel"])] = GivenUp(messages=before.messages + 1, error=before.error)
    return result


def given_up_problems(given_up: Mapping[str, GivenUp]) -> Iterator[Problem]:
    """Yield a problem for each channel that refused messages for good."""
    for channel, refused in given_up.items():
        title = f"channel `{channel}` refused messages for good"
        count = f"{counted(refused.messages, 'message')} given up in the last day"
        advice = f"mend the cause, then send them again by `watcher resend --channel {channel}`"
        yield Problem(
            kind=ProblemKind.MESSAGES_GIVEN_UP,
            subject=channel,
            title=title,
            message=f"{title}: {count}, the last with: {refused.error}; {advice}",
        )
