"""The checkpoint as the body of a state document, in the form of state version 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watcher.checkpoints.checkpoint import Checkpoint, LostIndices, OlderEvents
from watcher.checkpoints.gaps import Gap
from watcher.model import Window
from watcher.state.state_documents import Body
from watcher.timestamps import format_timestamp, read_timestamp

_LONGEST_REASON = 1000


def is_current(body: Body) -> bool:
    """Whether a body has the form of state version 3; older ones name the watermark otherwise."""
    return "watermark" in body


def checkpoint_from_body(body: Body) -> Checkpoint:
    """Return the checkpoint that a body of state version 3 holds."""
    older = body.get("older_events")
    late_check = body.get("last_late_check")
    return Checkpoint(
        since=read_timestamp(body["since"]),
        watermark=read_timestamp(body["watermark"]),
        gaps=tuple(_gap_from_body(gap) for gap in body.get("gaps") or ()),
        indices=tuple(body.get("indices") or ()),
        searched_as=body.get("searched_as"),
        lost_indices=tuple(_lost_from_body(lost) for lost in body.get("lost_indices") or ()),
        last_late_check=read_timestamp(late_check) if late_check else None,
        too_late=int(body.get("too_late") or 0),
        older_events=OlderEvents(before=read_timestamp(older["before"]), events=int(older["events"]))
        if older
        else None,
        future_events=int(body.get("future_events") or 0),
        replaced_times=int(body.get("replaced_times") or 0),
        last_replaced_time=read_timestamp(body["last_replaced_time"]) if body.get("last_replaced_time") else None,
    )


def checkpoint_to_body(checkpoint: Checkpoint) -> Body:
    """Return the body of a checkpoint, in the form of state version 3."""
    older = checkpoint.older_events
    late_check = checkpoint.last_late_check
    return {
        "since": format_timestamp(checkpoint.since),
        "watermark": format_timestamp(checkpoint.watermark),
        "gaps": [_gap_to_body(gap) for gap in checkpoint.gaps],
        "indices": list(checkpoint.indices),
        **({"searched_as": checkpoint.searched_as} if checkpoint.searched_as is not None else {}),
        "lost_indices": [_lost_to_body(lost) for lost in checkpoint.lost_indices],
        "last_late_check": format_timestamp(late_check) if late_check else None,
        "too_late": checkpoint.too_late,
        "older_events": {"before": format_timestamp(older.before), "events": older.events} if older else None,
        "future_events": checkpoint.future_events,
        **_replaced_times(checkpoint),
    }


def _replaced_times(checkpoint: Checkpoint) -> Body:
    last = checkpoint.last_replaced_time
    if last is None:
        return {}
    return {"replaced_times": checkpoint.replaced_times, "last_replaced_time": format_timestamp(last)}


def _gap_from_body(body: Mapping[str, Any]) -> Gap:
    return Gap(
        window=Window(start=read_timestamp(body["start"]), end=read_timestamp(body["end"])),
        reason=str(body["reason"]),
        rules=tuple(body.get("rules") or ()),
        indices=tuple(body.get("indices") or ()),
        attempts=int(body.get("attempts") or 0),
        due=read_timestamp(body["due"]),
    )


def _gap_to_body(gap: Gap) -> Body:
    return {
        "start": format_timestamp(gap.window.start),
        "end": format_timestamp(gap.window.end),
        "reason": gap.reason[:_LONGEST_REASON],
        "rules": list(gap.rules),
        **({"indices": list(gap.indices)} if gap.indices else {}),
        "attempts": gap.attempts,
        "due": format_timestamp(gap.due),
    }


def _lost_from_body(body: Mapping[str, Any]) -> LostIndices:
    return LostIndices(
        indices=tuple(body["indices"]), events=int(body["events"]), noticed=read_timestamp(body["noticed"])
    )


def _lost_to_body(lost: LostIndices) -> Body:
    return {"indices": list(lost.indices), "events": lost.events, "noticed": format_timestamp(lost.noticed)}
