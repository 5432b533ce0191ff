"""Searches for deliveries: due ones, the alerts of a digest, and what the rate limit counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher.delivery.channel_state import CHANNEL_BACKOFF
from watcher.delivery.deliveries import (
    Delivery,
    Entry,
    digest_id_of,
    entry_for,
    is_due,
    level_of,
    reason_of,
    receiver_of,
    was_sent,
    was_sent_in_digest,
    was_sent_single,
)
from watcher.digests import digest
from watcher.model import Level, Query
from watcher.ports import DocumentReader, StateQuery, StoredDocument
from watcher.timestamps import format_timestamp, parse_timestamp

_CANDIDATES = 200
_PAGE = 500
_MAX_DIGEST = 100_000  # alerts in one message; the rest goes into the next
_FIELDS = (
    "watcher.deliveries",
    "watcher.alert.key",
    "watcher.alert.state",
    "watcher.joined.updates",
    "watcher.rule.level",
    "@timestamp",
    "rule.id",
    "rule.name",
    "host.name",
    "event.created",
)
_NOT_EXEMPT: Query = {"bool": {"must_not": [{"term": {"watcher.rule.level": Level.CRITICAL.value}}]}}
_OLDEST = ({"@timestamp": "asc"}, {"watcher.alert.id": "asc"})


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What a digest draws: the due deliveries of a channel in a group of its routes, or in none."""

    channel: str
    group: str
    now: datetime

    def includes(self, stored: StoredDocument) -> bool:
        entry = entry_for(stored, self.channel)
        return entry is not None and is_due(entry, self.now) and receiver_of(entry).group == self.group

    def identity(self, stored: StoredDocument) -> tuple[str, ...]:
        """Return what distinguishes the digests of a group: an alert with updates is in several."""
        entry = entry_for(stored, self.channel) or {}
        return (self.group, str(entry.get("due"))) if self.group else ()


@dataclass(frozen=True, slots=True)
class DeliveryQueries:
    """Searches for deliveries in the alerts."""

    documents: DocumentReader
    prefix: str = "watcher"

    def channels_due(self, *, now: datetime) -> tuple[str, ...]:
        """Return the channels and recipients of alerts with due deliveries; some of them may have nothing due."""
        self.refresh()
        return tuple(sorted(self.documents.counts(self._alerts, _due_by(now), "watcher.deliveries.channel")))

    def levels_due(self, channel: str, *, now: datetime) -> tuple[str, ...]:
        """Return the levels of alerts with due deliveries of which some may be to a channel, the highest first."""
        query = _filtered(_to(channel), _due_by(now))
        levels = self.documents.counts(self._alerts, query, "watcher.rule.level")
        return tuple(level for level in reversed(Level) if level in levels)

    def due(
        self, channel: str, *, now: datetime, level: str | None = None, without: Sequence[str] = ()
    ) -> tuple[Delivery, ...]:
        """Return the oldest deliveries that are due to a channel, of one level or all, except those of some rules.

        A delivery that belongs to an unfinished digest has the id of that digest.
        """
        filters: list[Query] = [_to(channel), _due_by(now)]
        if level is not None:
            filters.append({"term": {"watcher.rule.level": level}})
        query: dict[str, Any] = {"filter": filters}
        if without:
            query["must_not"] = [{"terms": {"rule.id": list(without)}}]
        deliveries: list[Delivery] = []
        # alerts whose other channel does not deliver may be due by the thousand: they must not hide the rest
        for page in self._pages({"bool": query}, _OLDEST):
            deliveries.extend(filter(None, (_due_delivery(stored, channel, now) for stored in page)))
            if len(deliveries) >= _CANDIDATES:
                break
        return tuple(deliveries[:_CANDIDATES])

    def undelivered(
        self, channel: str, *, now: datetime, next_try: datetime, without: str
    ) -> tuple[StoredDocument, ...]:
        """Return the oldest alerts that a channel has not accepted, and that have no delivery to another channel."""
        # a failed attempt is due after the wait of its channel, which may be as long as the service asks
        soon = max(now + CHANNEL_BACKOFF.longest, next_try)
        alerts: list[StoredDocument] = []
        for page in self._pages(_filtered(_to(channel), _due_by(soon)), _OLDEST):
            alerts += [
                stored
                for stored in page
                if _was_tried(entry_for(stored, channel) or {}, now) and entry_for(stored, without) is None
            ]
            if len(alerts) >= _CANDIDATES:
                break
        return tuple(alerts[:_CANDIDATES])

    def refresh(self) -> None:
        """Let searches find what was written before."""
        self.documents.refresh(self._alerts)

    def sent_singles(
        self, channel: str, filters: Sequence[Query] = (), *, since: datetime, most: int
    ) -> tuple[StoredDocument, ...]:
        """Return the newest alerts that a channel got in messages of their own, up to `most`."""
        query = _filtered(
            *filters,
            {"term": {"watcher.deliveries.sent_single": channel}},
            {"range": {"watcher.deliveries.sent": {"gte": format_timestamp(since)}}},  # to this channel or another
        )
        newest = ({"watcher.deliveries.sent": "desc"}, {"watcher.alert.id": "asc"})
        singles: list[StoredDocument] = []
        for page in self._pages(query, newest):
            singles.extend(stored for stored in page if was_sent_single(stored, channel, since))
            if len(singles) >= most:
                break
        return tuple(singles[:most])

    def digest_sent(self, channel: str, *, since: datetime, levels: Sequence[str] = ()) -> bool:
        """Whether a channel got a digest with alerts of some levels, or of any, at or after a time."""
        query = _filtered(
            _to(channel),
            *of_levels(levels),
            {"exists": {"field": "watcher.deliveries.digest_id"}},
            {"range": {"watcher.deliveries.sent": {"gte": format_timestamp(since)}}},  # to this channel or another
        )
        newest = ({"watcher.deliveries.sent": "desc"}, {"watcher.alert.id": "asc"})
        return any(was_sent_in_digest(stored, channel, since) for page in self._pages(query, newest) for stored in page)

    def accepted_since(self, channel: str, since: datetime) -> bool:
        """Whether a channel accepted a message at or after a time, a moment ago included."""
        self.refresh()
        query = _filtered(_to(channel), {"range": {"watcher.deliveries.sent": {"gte": format_timestamp(since)}}})
        newest = ({"watcher.deliveries.sent": "desc"}, {"watcher.alert.id": "asc"})
        return any(was_sent(stored, channel, since) for page in self._pages(query, newest) for stored in page)

    def opened(
        self, delivery: Delivery, *, now: datetime, levels: Sequence[str] = ()
    ) -> tuple[datetime, datetime] | None:
        """Return when the first and the last alert of a digest with due deliveries were opened; None without any.

        They are those of some levels or all.
        """
        channel = () if delivery.rule else (_to(delivery.channel),)
        query = _filtered(*of_rule(delivery.rule), *of_levels(levels), *channel, _due_by(now))
        moments = [
            parse_timestamp(str(stored.document["event"]["created"]))
            for order in ("asc", "desc")
            for stored in self._search(query, ({"event.created": order},), size=1)
        ]
        first, last = moments or (None, None)
        return (first, last) if first is not None and last is not None else None

    def gather_digest(self, rule: str, channel: str, *, now: datetime, group: str = "") -> Delivery | None:
        """Return a digest with the alerts of its rule, its group, or all rules that are due to its channel, or None.

        The alerts of an unfinished digest are gathered alone, so that it is sent again under the same id.
        """
        # a write for another channel a moment ago would look like a conflict
        self.refresh()
        drawn = _Drawn(channel, group, now)
        own = () if group else of_rule(rule) or (_NOT_EXEMPT,)
        query = _filtered(*own, _to(channel), _due_by(now))
        unfinished = self._unfinished_digest(query, drawn)
        if unfinished:  # it may be one of several rules
            query = _filtered({"term": {"watcher.deliveries.digest_id": unfinished}}, _to(channel), _due_by(now))
        alerts: list[StoredDocument] = []
        for page in self._pages(query, _OLDEST):
            due = (stored for stored in page if drawn.includes(stored))
            alerts.extend(stored for stored in due if not unfinished or digest_id_of(stored, channel) == unfinished)
            if len(alerts) >= _MAX_DIGEST:
                break
        if not alerts:
            return None
        rules = {str(stored.document["rule"]["id"]) for stored in alerts}
        rule = rules.pop() if len(rules) == 1 else ""
        # the word `storm` is part of the id's definition: a changed word would change the id of the same digest
        digest_id = unfinished or digest("storm", rule, channel, alerts[0].id, *drawn.identity(alerts[0]))
        return Delivery(
            rule=rule,
            channel=channel,
            alerts=tuple(alerts),
            is_digest=True,
            digest_id=digest_id,
            reason=reason_of(alerts[0], channel) if unfinished else "",
        )

    @property
    def _alerts(self) -> str:
        return f"{self.prefix}-alerts-*"

    def _unfinished_digest(self, query: Query, drawn: _Drawn) -> str:
        """Return the id of a digest that was claimed and not marked as sent, empty where there is none."""
        unfinished = _filtered(query, {"exists": {"field": "watcher.deliveries.digest_id"}})
        ids = (
            digest_id_of(stored, drawn.channel)
            for stored in self._search(unfinished, _OLDEST, size=_PAGE)
            if drawn.includes(stored)
        )
        return next(filter(None, ids), "")

    def _pages(self, query: Query, sort: Sequence[Mapping[str, str]]) -> Iterator[Sequence[StoredDocument]]:
        after: Sequence[Any] = ()
        while True:
            page = self._search(query, sort, size=_PAGE, after=after)
            yield page
            if len(page) < _PAGE:
                return
            after = page[-1].sort

    def _search(
        self, query: Query, sort: Sequence[Mapping[str, str]], *, size: int, after: Sequence[Any] = ()
    ) -> Sequence[StoredDocument]:
        return self.documents.search(
            StateQuery(index=self._alerts, query=query, size=size, sort=sort, after=after, only=_FIELDS)
        )


def of_rule(rule: str) -> tuple[Query, ...]:
    """Return the query for the alerts of a rule; none for those of all rules."""
    return ({"term": {"rule.id": rule}},) if rule else ()


def of_levels(levels: Sequence[str]) -> tuple[Query, ...]:
    """Return the query for the alerts of some levels; none for those of all levels."""
    return ({"terms": {"watcher.rule.level": list(levels)}},) if levels else ()


def of_key(key: Sequence[str]) -> tuple[Query, ...]:
    """Return the query for the alerts of a group key, as their documents hold it."""
    return tuple({"term": {"watcher.alert.key": text}} for text in key)


def _filtered(*filters: Query) -> Query:
    return {"bool": {"filter": list(filters)}}


def _was_tried(entry: Entry, now: datetime) -> bool:
    """Whether a delivery is or was due, and nobody sends it now: no escalation or digest of later."""
    state = entry.get("state")
    if state == "pending":
        return is_due(entry, now) or bool(entry.get("attempts"))
    return state == "claimed" and is_due(entry, now)  # its sidecar ended


def _due_by(now: datetime) -> Query:
    return {"range": {"watcher.deliveries.due": {"lte": format_timestamp(now)}}}


def _to(channel: str) -> Query:
    return {"term": {"watcher.deliveries.channel": channel}}


def _due_delivery(stored: StoredDocument, channel: str, now: datetime) -> Delivery | None:
    entry = entry_for(stored, channel)
    if entry is None or not is_due(entry, now):
        return None
    return Delivery(
        rule=str(stored.document["rule"]["id"]),
        level=level_of(stored),
        channel=channel,
        alerts=(stored,),
        digest_id=str(entry.get("digest_id") or ""),
        attempts=int(entry["attempts"]),
        receiver=receiver_of(entry),
    )
