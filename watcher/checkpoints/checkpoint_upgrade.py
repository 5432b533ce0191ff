"""Checkpoints of older versions → checkpoints of this version."""

from __future__ import annotations

from datetime import timedelta

from watcher.checkpoints.checkpoint_body import is_current
from watcher.state.state_documents import Body
from watcher.timestamps import format_timestamp, read_timestamp

_OVERLAP_OF_VERSION_1 = timedelta(hours=1)  # before the watermark: version 1 did not store where the search began


def upgrade_checkpoint(body: Body) -> Body:
    """Return a body of version 1 or 2 in the form of version 3, and a body of version 3 unchanged.

    The watermark has a new key, so a sidecar of an older version fails to read the document. It changes nothing then,
    and cannot drop gaps that it does not understand.
    """
    if is_current(body):
        return body
    watermark = body["until"]
    since = body.get("since") or format_timestamp(read_timestamp(watermark) - _OVERLAP_OF_VERSION_1)
    return {
        "since": since,
        "watermark": watermark,
        "gaps": body.get("holes") or [],
        "indices": body.get("indices") or [],
        "lost_indices": body.get("gaps") or [],
        "last_late_check": body.get("swept"),
        "too_late": body.get("older") or 0,
        "older_events": body.get("counted"),
        "future_events": body.get("ahead") or 0,
    }
