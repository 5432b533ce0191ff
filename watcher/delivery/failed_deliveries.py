"""Sending again what was given up: failed deliveries become pending, and the state records who did it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watcher.delivery.deliveries import channel_name, delivery_entries, entry_for, with_entry
from watcher.digests import digest
from watcher.model import Query
from watcher.ports import Documents, PartialUpdate, StateQuery, StoredDocument
from watcher.state.state_documents import DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp

_PAGE = 500
_FIELDS = ("watcher.deliveries", "event.created")
_OLDEST = ({"@timestamp": "asc"}, {"watcher.alert.id": "asc"})
_MAX_ALERTS = 1000  # ids that a record lists
_MAX_ERRORS = 20  # reasons that a record lists
_KIND = "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendFilter:
    """Which failed deliveries are sent again; what is left out means all."""

    alerts: tuple[str, ...] = ()  # ids
    channel: str | None = None  # its name in settings, or one recipient of it: `mail/soc@example.org`
    since: datetime | None = None  # when the alert was opened, at the earliest


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDelivery:
    """A delivery of an alert that was given up."""

    stored: StoredDocument
    channel: str
    error: str


@dataclass(frozen=True, slots=True)
class Resender:
    """Finds failed deliveries, and makes them pending again."""

    documents: Documents
    state_documents: StateDocuments
    prefix: str = "watcher"

    def failed(self, selected: ResendFilter) -> tuple[FailedDelivery, ...]:
        """Return the failed deliveries that a filter selects, the oldest alert first."""
        return tuple(
            FailedDelivery(
                stored=stored, channel=str(entry["channel"]), error=str(entry.get("error") or "no reason stored")
            )
            for page in self._pages(_query(selected))
            for stored in page
            for entry in delivery_entries(stored.document)
            if entry["state"] == "failed" and _has_channel(str(entry["channel"]), selected.channel)
        )

    def resend(self, failed: Sequence[FailedDelivery], *, by: str, now: datetime) -> tuple[FailedDelivery, ...]:
        """Make failed deliveries pending, and return those that changed: what another process resends is left out.

        They keep their idempotency key and their digest.
        """
        resent: list[FailedDelivery] = []
        for channel in dict.fromkeys(delivery.channel for delivery in failed):
            of_channel = [delivery for delivery in failed if delivery.channel == channel]
            for start in range(0, len(of_channel), _PAGE):
                resent.extend(self._resend(of_channel[start : start + _PAGE], now))
        if resent:
            self._record(resent, by, now)
        return tuple(resent)

    def _resend(self, failed: Sequence[FailedDelivery], now: datetime) -> Iterator[FailedDelivery]:
        remaining = list(failed)
        while remaining:
            written = self.documents.update([_pending(delivery, now) for delivery in remaining])
            conflicts = []
            for delivery, after in zip(remaining, written, strict=True):
                if after is None:
                    conflicts.append(delivery)
                else:
                    yield delivery
            remaining = list(self._still_failed(conflicts)) if conflicts else []

    def _still_failed(self, deliveries: Sequence[FailedDelivery]) -> Iterator[FailedDelivery]:
        """Read alerts again that another process changed, and yield the deliveries that are still failed."""
        current = self.documents.get([(delivery.stored.index, delivery.stored.id) for delivery in deliveries])
        for delivery, stored in zip(deliveries, current, strict=True):
            entry = None if stored is None else entry_for(stored, delivery.channel)
            if stored is not None and entry is not None and entry["state"] == "failed":
                yield replace(delivery, stored=stored)

    def _record(self, resent: Sequence[FailedDelivery], by: str, now: datetime) -> None:
        moment = format_timestamp(now)
        alerts = sorted({delivery.stored.id for delivery in resent})
        body = {
            "time": moment,
            "by": by,
            "deliveries": len(resent),
            "channels": dict(Counter(delivery.channel for delivery in resent)),
            "errors": sorted({delivery.error for delivery in resent})[:_MAX_ERRORS],
            "alerts": alerts[:_MAX_ALERTS],
        }
        key = DocumentKey(kind=_KIND, source=digest(moment, by, *alerts))
        self.state_documents.change(key, lambda _body: body, now=now)

    def _pages(self, query: Query) -> Iterator[Sequence[StoredDocument]]:
        pattern = f"{self.prefix}-alerts-*"
        self.documents.refresh(pattern)
        after: Sequence[object] = ()
        while True:
            page = self.documents.search(
                StateQuery(index=pattern, query=query, size=_PAGE, sort=_OLDEST, after=after, only=_FIELDS)
            )
            yield page
            if len(page) < _PAGE:
                return
            after = page[-1].sort


def count_by_channel(failed: Sequence[FailedDelivery]) -> Mapping[tuple[str, str], int]:
    """Return how many deliveries failed, by channel and error."""
    return Counter((delivery.channel, delivery.error) for delivery in failed)


def _query(selected: ResendFilter) -> Query:
    filters: list[Query] = [{"term": {"watcher.deliveries.state": "failed"}}]
    if selected.alerts:
        filters.append({"terms": {"watcher.alert.id": list(selected.alerts)}})
    if selected.since is not None:
        filters.append({"range": {"event.created": {"gte": format_timestamp(selected.since)}}})
    return {"bool": {"filter": filters}}


def _has_channel(channel: str, selected: str | None) -> bool:
    return selected is None or selected in (channel, channel_name(channel))


def _pending(delivery: FailedDelivery, now: datetime) -> PartialUpdate:
    # without the error: it would look as if the channel failed again
    values = {
        "state": "pending",
        "attempts": 0,
        "due": format_timestamp(now),
        "error": None,
        "failed": None,
        "failures": None,
    }
    entries = with_entry(delivery.stored, delivery.channel, values)
    return PartialUpdate(stored=delivery.stored, part={"watcher": {"deliveries": entries}})
