"""What is still owed: alerts and the channels that have not been told of them, each struck off on its own.

What is owed stands in the alert itself. A debt is claimed by a conditional write before it is told, and struck off
after its channel took it; a claim runs out, so that what a crash left is told by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watcher.digests import digest
from watcher.model import Query, Window
from watcher.ports import PartialUpdate, State, StateQuery, StoredDocument
from watcher.timestamps import format_timestamp, parse_timestamp

CLAIM = timedelta(minutes=2)  # how long a message may be on its way before somebody else sends it again
_CANDIDATES = 200
_PAGE = 500
_MAX_DIGEST = 100_000  # alerts that one message tells; what is beyond goes into the next
_DIGEST_CLAIM = timedelta(minutes=10)
_MAX_KEYS = 50
_DELIVERY_FIELDS = ("watcher.owed", "watcher.alert.key", "@timestamp", "rule.id", "event.created")
_OLDEST = ({"@timestamp": "asc"}, {"watcher.alert.id": "asc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDelivery:
    """One alert that is owed to one channel."""

    stored: StoredDocument
    channel: str
    attempts: int

    @property
    def rule(self) -> str:
        """The id of the rule."""
        return str(self.stored.document["rule"]["id"])

    @property
    def in_digest(self) -> bool:
        """Tell whether a message for many was to tell it, and did not come to its end."""
        return bool(_digest_id(self.stored, self.channel))


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Many alerts of one rule that are told to one channel in one message, claimed already."""

    id: str
    rule: str
    channel: str
    first: StoredDocument  # the oldest alert, whole
    claimed: tuple[StoredDocument, ...]  # each with what is owed, ready for a conditional write
    attempts: int
    window: Window  # from the first to the last event
    keys: tuple[str, ...]  # what they are about, at most 50


@dataclass(frozen=True, slots=True)
class Outbox:
    """What alerts owe, behind conditional writes."""

    state: State
    prefix: str = "watcher"

    @property
    def _alerts(self) -> str:
        return f"{self.prefix}-alerts-*"

    # ---- what is due

    def deliveries(self, *, now: datetime, without: Sequence[str] = ()) -> tuple[PendingDelivery, ...]:
        """Give the oldest of what is owed and due, but for some rules."""
        self.state.refresh(self._alerts)
        found = self.state.search(
            StateQuery(
                index=self._alerts, query=_due(now, without), size=_CANDIDATES, sort=_OLDEST, only=_DELIVERY_FIELDS
            )
        )
        return tuple(delivery for stored in found for delivery in _due_deliveries(stored, now))

    def told(self, rule: str, channel: str, *, since: datetime, most: int) -> int:
        """Count the alerts of a rule that a channel was told of one by one since a time, up to `most`."""
        query = _filtered(
            {"term": {"rule.id": rule}},
            {"term": {"watcher.owed.told_alone": channel}},
            {"range": {"watcher.owed.sent": {"gte": format_timestamp(since)}}},  # to this channel, or to another
        )
        newest = ({"watcher.owed.sent": "desc"}, {"watcher.alert.id": "asc"})
        counted = 0
        for page in self._pages(query, newest):
            counted += sum(_was_sent_alone(stored, channel, since) for stored in page)
            if counted >= most:
                break
        return min(counted, most)

    def opened(self, rule: str, *, now: datetime) -> tuple[datetime, datetime] | None:
        """Tell when the first and the last alert of a rule that are owed and due were opened."""
        query = _filtered({"term": {"rule.id": rule}}, {"range": {"watcher.owed.due": {"lte": format_timestamp(now)}}})
        ends: list[datetime | None] = []
        for order in ("asc", "desc"):
            sort = ({"event.created": order},)
            found = self.state.search(
                StateQuery(index=self._alerts, query=query, size=1, sort=sort, only=_DELIVERY_FIELDS)
            )
            ends.extend(parse_timestamp(str(one.document["event"]["created"])) for one in found)
        first, last = ends or (None, None)
        return (first, last) if first is not None and last is not None else None

    # ---- one by one

    def claim(self, delivery: PendingDelivery, *, now: datetime) -> PendingDelivery | None:
        """Take a debt on, so that nobody else tells it meanwhile; None where somebody was faster.

        Gives the debt with the whole alert.
        """
        stored = self.state.get([(delivery.stored.index, delivery.stored.id)])[0]
        mine = None if stored is None else _delivery_to(stored, delivery.channel)
        if stored is None or mine is None or not _is_due(mine, now):
            return None
        attempts = int(mine["attempts"]) + 1
        values = {"state": "claimed", "attempts": attempts, "due": format_timestamp(now + CLAIM)}
        changed = self._amend((stored,), delivery.channel, values)[0]
        if changed is None:
            return None
        whole = {**stored.document, "watcher": {**stored.document["watcher"], **changed.document["watcher"]}}
        claimed = StoredDocument(
            index=stored.index,
            id=stored.id,
            document=whole,
            seq_no=changed.seq_no,
            primary_term=changed.primary_term,
        )
        return PendingDelivery(stored=claimed, channel=delivery.channel, attempts=attempts)

    def mark_sent(self, delivery: PendingDelivery, *, now: datetime) -> None:
        """Write that the channel took the message."""
        self._settle((delivery.stored,), delivery.channel, {**_sent(now), "told_alone": delivery.channel})

    def postpone(self, delivery: PendingDelivery, error: str, *, until: datetime) -> None:
        """Write that the channel did not take it, and when to try again."""
        self._settle((delivery.stored,), delivery.channel, _postponed(error, until))

    def give_up(self, delivery: PendingDelivery, error: str) -> None:
        """Write that the channel will never take it."""
        self._settle((delivery.stored,), delivery.channel, _given_up(error))

    # ---- many in one

    def claim_digest(self, rule: str, channel: str, *, now: datetime) -> Digest | None:
        """Claim everything of a rule that is due to a channel; None where nothing is.

        What an earlier message left half done is gathered alone, so that it is told again under the same key.
        """
        self.state.refresh(self._alerts)  # what was struck off for another channel just now would read as a conflict
        unfinished = self._unfinished(rule, channel, now)
        claimed: list[StoredDocument] = []
        keys: dict[str, None] = {}
        name, attempts, times = unfinished, 0, []
        for page in self._due_pages(rule, channel, now):
            wanted = [stored for stored in page if not unfinished or _digest_id(stored, channel) == unfinished]
            if not wanted:
                continue
            name = name or digest("storm", rule, channel, wanted[0].id)
            attempts = max(attempts, *(_attempts(one, channel) + 1 for one in wanted))
            values = {
                "state": "claimed",
                "attempts": attempts,
                "due": format_timestamp(now + _DIGEST_CLAIM),
                "told_in": name,
            }
            for before, after in zip(wanted, self._amend(wanted, channel, values), strict=True):
                if after is not None:
                    claimed.append(after)
                    times.append(parse_timestamp(str(before.document["@timestamp"])) or now)
                    if len(keys) < _MAX_KEYS:
                        keys.update(dict.fromkeys(before.document["watcher"]["alert"]["key"]))
            if len(claimed) >= _MAX_DIGEST:
                break
        if not claimed:
            return None
        first = self.state.get([(claimed[0].index, claimed[0].id)])[0]
        if first is None:
            return None
        return Digest(
            id=name,
            rule=rule,
            channel=channel,
            first=first,
            claimed=tuple(claimed),
            attempts=attempts,
            window=Window(start=min(times), end=max(times) + timedelta(milliseconds=1)),
            keys=tuple(keys),
        )

    def mark_all_sent(self, digest: Digest, *, now: datetime) -> None:
        """Write that the channel took the one message for all."""
        self._settle(digest.claimed, digest.channel, {**_sent(now), "told_in": digest.id})

    def postpone_digest(self, digest: Digest, error: str, *, until: datetime) -> None:
        """Write that the channel did not take it, and when to try again."""
        self._settle(digest.claimed, digest.channel, {**_postponed(error, until), "told_in": digest.id})

    def give_up_digest(self, digest: Digest, error: str) -> None:
        """Write that the channel will never take it."""
        self._settle(digest.claimed, digest.channel, {**_given_up(error), "told_in": digest.id})

    # ---- inside

    def _due_pages(self, rule: str, channel: str, now: datetime) -> Iterator[list[StoredDocument]]:
        """Give what is due of a rule to a channel, page by page."""
        query = _filtered(
            {"term": {"rule.id": rule}},
            {"term": {"watcher.owed.channel": channel}},
            {"range": {"watcher.owed.due": {"lte": format_timestamp(now)}}},
        )
        for page in self._pages(query, _OLDEST):
            yield [one for one in page if _due_to(one, channel, now)]

    def _pages(self, query: Query, sort: Sequence[Mapping[str, str]]) -> Iterator[Sequence[StoredDocument]]:
        after: Sequence[Any] = ()
        while True:
            state_query = StateQuery(
                index=self._alerts, query=query, size=_PAGE, sort=sort, after=after, only=_DELIVERY_FIELDS
            )
            page = self.state.search(state_query)
            yield page
            if len(page) < _PAGE:
                return
            after = page[-1].sort

    def _unfinished(self, rule: str, channel: str, now: datetime) -> str:
        """Give the id of a message for many that was begun and not struck off, empty where there is none."""
        query = _filtered(
            {"term": {"rule.id": rule}},
            {"term": {"watcher.owed.channel": channel}},
            {"exists": {"field": "watcher.owed.told_in"}},
            {"range": {"watcher.owed.due": {"lte": format_timestamp(now)}}},
        )
        found = self.state.search(
            StateQuery(index=self._alerts, query=query, size=_PAGE, sort=_OLDEST, only=_DELIVERY_FIELDS)
        )
        return next((name for one in found if (name := _digest_id(one, channel)) and _due_to(one, channel, now)), "")

    def _amend(
        self, stored: Sequence[StoredDocument], channel: str, values: Mapping[str, Any]
    ) -> Sequence[StoredDocument | None]:
        return self.state.update(
            [PartialUpdate(stored=one, part={"watcher": {"owed": _with(one, channel, values)}}) for one in stored]
        )

    def _settle(self, claimed: Sequence[StoredDocument], channel: str, values: Mapping[str, Any]) -> None:
        """Write the outcome; where another channel's outcome was written meanwhile, again on top of it."""
        left = list(claimed)
        while left:
            made = self._amend(left, channel, values)
            before = {(one.index, one.id): one for one, after in zip(left, made, strict=True) if after is None}
            there = self.state.get(list(before)) if before else ()
            again = [(before[one.index, one.id], one) for one in there if one is not None]
            left = [now for was, now in again if not _is_taken(was, now, channel, values["state"])]


def _filtered(*filters: Query) -> Query:
    return {"bool": {"filter": list(filters)}}


def _due(now: datetime, without: Sequence[str]) -> Query:
    inner: dict[str, Any] = {"filter": [{"range": {"watcher.owed.due": {"lte": format_timestamp(now)}}}]}
    if without:
        inner["must_not"] = [{"terms": {"rule.id": list(without)}}]
    return {"bool": inner}


def deliveries_of(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Give what an alert owes, an entry a channel."""
    found = document.get("watcher", {}).get("owed", ())
    return found if isinstance(found, list) else ()


def _delivery_to(stored: StoredDocument, channel: str) -> Mapping[str, Any] | None:
    return next((one for one in deliveries_of(stored.document) if one["channel"] == channel), None)


def _attempts(stored: StoredDocument, channel: str) -> int:
    mine = _delivery_to(stored, channel)
    return int(mine["attempts"]) if mine else 0


def _is_due(mine: Mapping[str, Any], now: datetime) -> bool:
    due = parse_timestamp(str(mine.get("due") or ""))
    return due is not None and due <= now


def _due_to(stored: StoredDocument, channel: str, now: datetime) -> bool:
    mine = _delivery_to(stored, channel)
    return mine is not None and _is_due(mine, now)


def _is_taken(was: StoredDocument, now: StoredDocument, channel: str, state: str) -> bool:
    """Tell whether somebody else told it meanwhile, or is about to, when our claim had run out.

    What we told ourselves is struck off all the same: whoever is about to tell it too has no need to try again.
    """
    mine = _delivery_to(now, channel)
    return (
        mine is None
        or mine["state"] == "sent"
        or (state != "sent" and int(mine["attempts"]) != _attempts(was, channel))
    )


def _digest_id(stored: StoredDocument, channel: str) -> str:
    mine = _delivery_to(stored, channel)
    return str(mine.get("told_in") or "") if mine else ""


def _was_sent_alone(stored: StoredDocument, channel: str, since: datetime) -> bool:
    mine = _delivery_to(stored, channel)
    sent = parse_timestamp(str(mine.get("sent") or "")) if mine else None
    return sent is not None and sent >= since and mine is not None and "told_alone" in mine


def _due_deliveries(stored: StoredDocument, now: datetime) -> Iterator[PendingDelivery]:
    for one in deliveries_of(stored.document):
        if _is_due(one, now):
            yield PendingDelivery(stored=stored, channel=str(one["channel"]), attempts=int(one["attempts"]))


def _with(stored: StoredDocument, channel: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give what an alert owes with one channel's entry changed; None takes a value away."""
    entries = [{**one, **values} if one["channel"] == channel else one for one in deliveries_of(stored.document)]
    return [{key: value for key, value in one.items() if value is not None} for one in entries]


def _sent(now: datetime) -> Mapping[str, Any]:
    return {"state": "sent", "sent": format_timestamp(now), "due": None, "error": None}


def _postponed(error: str, until: datetime) -> Mapping[str, Any]:
    return {"state": "owed", "due": format_timestamp(until), "error": error[:1000]}


def _given_up(error: str) -> Mapping[str, Any]:
    return {"state": "failed", "due": None, "error": error[:1000]}
