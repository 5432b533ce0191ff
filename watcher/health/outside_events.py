"""Events that are too far back or ahead to be searched: operators hear when their counts grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.settings import Source
from watcher.timestamps import format_timestamp, read_timestamp

_AGAIN_AFTER = timedelta(hours=1)  # operators hear of growth at once, and then no more often than this


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideCounts:
    """The counts of one source of which operators were notified."""

    too_late: int = 0
    future: int = 0
    at: datetime


def grown_counts(
    source: Source, checkpoint: Checkpoint, previous: OutsideCounts | None, *, now: datetime
) -> tuple[OutsideCounts | None, str]:
    """Return the counts to record, and the sentence for operators; None and an empty string where nothing changed."""
    before = previous or OutsideCounts(at=now - _AGAIN_AFTER)
    late = checkpoint.too_late - before.too_late
    future = checkpoint.future_events - before.future
    if late <= 0 and future <= 0:
        shrunk = late < 0 or future < 0
        current = OutsideCounts(too_late=checkpoint.too_late, future=checkpoint.future_events, at=before.at)
        return (current if shrunk else None), ""
    if now - before.at < _AGAIN_AFTER:
        return None, ""
    current = OutsideCounts(too_late=checkpoint.too_late, future=checkpoint.future_events, at=now)
    return current, _sentence(source, late, future)


def _sentence(source: Source, late: int, future: int) -> str:
    parts = []
    if late > 0:
        past = f"{source.late_events.past.total_seconds() / 86400:g} days"
        parts.append(
            f"{late:,} more events of `{source.name}` are older than {past} and were indexed now; "
            "no rule searches them; `watcher backfill` does"
        )
    if future > 0:
        ahead = f"{source.late_events.ahead.total_seconds() / 86400:g} days"
        parts.append(
            f"{future:,} more events of `{source.name}` are dated more than {ahead} ahead; they are searched when "
            "their time comes; check the clock of what sends them"
        )
    return ". ".join(parts)


def counts_from_body(body: Mapping[str, Any] | None) -> Mapping[str, OutsideCounts]:
    """Return the counts that a state document holds, by source."""
    return {
        str(name): OutsideCounts(
            too_late=int(counts["too_late"]), future=int(counts["future"]), at=read_timestamp(counts["at"])
        )
        for name, counts in ((body or {}).get("outside") or {}).items()
    }


def counts_to_body(counts: Mapping[str, OutsideCounts]) -> Mapping[str, Any]:
    """Return the counts as a part of a state document."""
    return {
        name: {"too_late": count.too_late, "future": count.future, "at": format_timestamp(count.at)}
        for name, count in counts.items()
    }
