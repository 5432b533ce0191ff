"""Hits that join an alert: they are counted once, and a new user, process, parent or agent is an update.

The functions are pure. The outcome depends on the stored alert and the hits alone: whichever sidecar joins them, and
however often, the same hit counts once and is in one message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from watcher.alerts.stored_event import event_json
from watcher.match.event_summarizer import stored_summary
from watcher.model import AlertUpdate, EventSummary, Hit, JoinedHits
from watcher.printable import printable_text, truncate
from watcher.timestamps import parse_timestamp

LISTED = 50
"""Values of a kind that an alert lists; hits with further ones are counted."""

MAX_UPDATES = 5
"""Updates of an alert about new values; further hits with new values are counted."""

_MAX_VALUE = 500  # characters
_MAX_EVENT = 20_000  # characters of the event of an update as JSON; of a larger one its summary is kept
_MAX_RECENT = 1_000
_NEWS = {"users": "user", "processes": "process", "parents": "parent", "agents": "agent"}  # worth an update


def hit_key(hit: Hit) -> str:
    """Return the month and the id of a hit, which name its document in the state."""
    return f"{hit.time.astimezone(UTC):%Y.%m}/{hit.id}"


def opening(hit: Hit) -> JoinedHits:
    """Return what an alert knows of its hits when it is opened."""
    return JoinedHits(count=1, first=hit.time, last=hit.time, values=_lists(hit.summary), recent=(hit_key(hit),))


def stored_hits(document: Mapping[str, Any]) -> JoinedHits:
    """Return what a stored alert knows of its hits; one of an older version knows of its first."""
    own = document["watcher"]
    if own.get("joined"):
        return JoinedHits.from_document(own["joined"], tuple(own.get("updates") or ()))
    moment = parse_timestamp(str(document["@timestamp"]))
    if moment is None:
        raise ValueError("the alert has no timestamp")
    return JoinedHits(count=1, first=moment, last=moment, values=_lists(stored_summary(document)))


def joined(before: JoinedHits, hits: Iterable[Hit], *, closed: str = "", recorded: Collection[str] = ()) -> JoinedHits:
    """Return the hits of an alert with some more, the oldest first; what is counted already changes nothing.

    `closed` is when the alert was closed: the first hit afterwards is an update in any case. `recorded` are the keys
    of hits that the state holds: they were counted, and need not be remembered any more.
    """
    after = before
    for hit in sorted(hits, key=lambda entry: (entry.time, entry.id)):
        if hit_key(hit) not in before.recent and hit_key(hit) not in recorded:
            after = _Join(after, hit, closed).result()
    if after is before:
        return before
    recent = tuple(key for key in after.recent if key not in recorded)[-_MAX_RECENT:]
    return replace(after, recent=recent)


@dataclass(frozen=True, slots=True)
class _Join:
    """One hit that joins an alert."""

    before: JoinedHits
    hit: Hit
    closed: str

    def result(self) -> JoinedHits:
        before, hit = self.before, self.hit
        new = self._new_values()
        listed = {kind: value for kind, value in new.items() if len(before.values.get(kind, ())) < LISTED}
        after = replace(
            before,
            count=before.count + 1,
            first=min(before.first, hit.time),
            last=max(before.last, hit.time),
            values={**before.values, **{kind: (*before.values.get(kind, ()), listed[kind]) for kind in listed}},
            unlisted=before.unlisted + (len(listed) < len(new)),
            recent=(*before.recent, hit_key(hit)),
        )
        news = tuple((_NEWS[kind], value) for kind, value in new.items() if kind in _NEWS)
        follows_closing = bool(self.closed) and all(update.closed != self.closed for update in before.updates)
        if follows_closing or (news and self._has_room()):
            return replace(after, updates=(*before.updates, self._update(news, follows_closing=follows_closing)))
        return replace(after, further=before.further + 1) if news else after

    def _new_values(self) -> Mapping[str, str]:
        return {
            kind: value
            for kind, (value,) in _lists(self.hit.summary).items()
            if value.casefold() not in map(str.casefold, self.before.values.get(kind, ()))
        }

    def _has_room(self) -> bool:
        return sum(not update.closed for update in self.before.updates) < MAX_UPDATES

    def _update(self, news: tuple[tuple[str, str], ...], *, follows_closing: bool) -> AlertUpdate:
        hit = self.hit
        event = event_json(hit.event)
        return AlertUpdate(
            time=hit.time,
            index=hit.index,
            event_id=hit.event_id,
            news=news,
            summary=hit.summary,
            matched=hit.matched,
            event=event if len(event) <= _MAX_EVENT else "",
            closed=self.closed if follows_closing else "",
        )


def _lists(summary: EventSummary) -> Mapping[str, tuple[str]]:
    """Return the values that an alert lists of an event, by kind; where no process acts, its service or command."""
    values = {
        "users": summary.account,
        "processes": summary.process or summary.service or summary.command_line,
        "parents": summary.parent_process,
        "agents": summary.agent,
        "hosts": summary.host,
    }
    return {
        kind: (truncate(printable_text(value[:_MAX_VALUE]), _MAX_VALUE),) for kind, value in values.items() if value
    }
