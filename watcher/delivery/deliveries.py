"""A delivery: one alert, or a digest of many alerts, to be sent to one channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watcher.delivery.digest_content import DigestContent
from watcher.delivery.hit_outcomes import WITHHELD, HitOutcome, outcome_of, with_outcome
from watcher.errors import RecipientRefusal
from watcher.model import Level, Notification, RoutedReceiver
from watcher.ports import StoredDocument
from watcher.timestamps import format_timestamp, parse_timestamp

CLAIM = timedelta(minutes=2)
"""How long a claimed message may take before another sidecar sends it again."""

CLAIM_PER_ALERT = timedelta(milliseconds=5)
"""How much longer the claim of a digest lasts for each alert: all of them are written before and after it is sent."""

_MAX_ERROR = 1000  # characters of an error that are stored

_RECIPIENT = "/"  # between a channel's name, which cannot contain it, and a recipient

_STATUS = "status"  # in the place of a recipient

Entry = Mapping[str, Any]
"""What an alert document stores about its delivery to one channel, or to one recipient of it."""

_UNROUTED = RoutedReceiver(channel="")

GroupKeyTexts = tuple[str, ...]
"""A group key as stored: `field=value` of each field."""


def channel_name(channel: str) -> str:
    """Return the name in settings of a channel, or of a channel's recipient."""
    return channel.partition(_RECIPIENT)[0]


def status_channel(channel: str) -> str:
    """Return the name of the deliveries to a channel of what people do to alerts."""
    return f"{channel}{_RECIPIENT}{_STATUS}"


def is_of_status(channel: str) -> bool:
    """Whether deliveries of this name say what people did to alerts."""
    return channel.partition(_RECIPIENT)[2] == _STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One alert, or a digest of many alerts, to be sent to one channel."""

    rule: str  # the rule's id; empty: a digest of several rules
    level: str = ""  # the rule's
    channel: str  # its name in settings, or `mail/soc@example.org` for one recipient of it
    alerts: tuple[StoredDocument, ...] = ()  # as last read or written: conditional writes rest on them
    is_digest: bool = False
    digest_id: str = ""  # set when the alerts of a digest are gathered; an unfinished digest keeps its id
    reason: str = ""  # why it is a message of its own, or a digest: a `Reason`
    attempts: int = 0  # how often it was claimed
    receiver: RoutedReceiver = _UNROUTED  # how routes send it; of a digest, its group
    first: StoredDocument | None = None  # the oldest alert as a complete document; set by the claim
    content: DigestContent | None = None  # what a digest says about its alerts; set by the claim
    notification: Notification | None = None  # set when it is rendered
    message: str = ""  # the service's own id of the message; set when sent, where the channel returns one
    refusals: tuple[RecipientRefusal, ...] = ()  # recipients that did not get it, while others did; set when sent

    @property
    def channel_name(self) -> str:
        """The name of the channel in settings."""
        return channel_name(self.channel)

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipient that it is for; empty: all recipients of the channel."""
        return () if is_of_status(self.channel) else tuple(filter(None, (self.channel.partition(_RECIPIENT)[2],)))

    @property
    def key(self) -> GroupKeyTexts:
        """The group key of its first alert, as the alert's document holds it."""
        return key_of(self.alerts[0]) if self.alerts else ()

    @property
    def claim_time(self) -> timedelta:
        """How long a claim of it lasts."""
        return CLAIM + len(self.alerts) * CLAIM_PER_ALERT if self.is_digest else CLAIM

    @property
    def form_values(self) -> Entry:
        """The values of an entry that say which message it is a part of, and why."""
        digest_id = {"digest_id": self.digest_id} if self.is_digest else {}
        return {**digest_id, "reason": self.reason} if self.reason else digest_id


# ---- entries: `watcher.deliveries` of an alert document


def delivery_entries(document: Mapping[str, Any]) -> Sequence[Entry]:
    """Return the deliveries that an alert document stores, one entry for each channel."""
    entries = document.get("watcher", {}).get("deliveries", ())
    return entries if isinstance(entries, list) else ()


def level_of(stored: StoredDocument) -> str:
    """Return the level of an alert's rule, empty where the document has none."""
    return str((stored.document["watcher"].get("rule") or {}).get("level") or "")


def levels_from(level: str) -> tuple[str, ...]:
    """Return a level and all higher ones; none, which means all, for an unknown level."""
    return tuple(Level)[Level(level).rank :] if level in tuple(Level) else ()


def key_of(stored: StoredDocument) -> GroupKeyTexts:
    """Return the group key of an alert, as its document holds it."""
    key = stored.document["watcher"]["alert"].get("key")
    return tuple(map(str, key)) if isinstance(key, list) else ()


def entry_for(stored: StoredDocument, channel: str) -> Entry | None:
    """Return the entry of one channel, None where the alert has none."""
    return next((entry for entry in delivery_entries(stored.document) if entry["channel"] == channel), None)


def is_due(entry: Entry | None, now: datetime) -> bool:
    """Whether a sidecar may claim the delivery now."""
    due = parse_timestamp(str((entry or {}).get("due") or ""))
    return due is not None and due <= now


def attempts_of(stored: StoredDocument, channel: str) -> int:
    """Return how often the delivery to a channel was claimed."""
    return int((entry_for(stored, channel) or {}).get("attempts") or 0)


def digest_id_of(stored: StoredDocument, channel: str) -> str:
    """Return the id of the digest that contains the alert, empty where there is none."""
    return str((entry_for(stored, channel) or {}).get("digest_id") or "")


def reason_of(stored: StoredDocument, channel: str) -> str:
    """Return the stored reason of the delivery to a channel, empty where there is none."""
    return str((entry_for(stored, channel) or {}).get("reason") or "")


def was_sent(stored: StoredDocument, channel: str, since: datetime) -> bool:
    """Whether the alert was sent to a channel, at or after a time."""
    sent = parse_timestamp(str((entry_for(stored, channel) or {}).get("sent") or ""))
    return sent is not None and sent >= since


def was_sent_single(stored: StoredDocument, channel: str, since: datetime) -> bool:
    """Whether the alert was sent to a channel in a message of its own, at or after a time."""
    return was_sent(stored, channel, since) and "sent_single" in (entry_for(stored, channel) or {})


def was_sent_in_digest(stored: StoredDocument, channel: str, since: datetime) -> bool:
    """Whether the alert was sent to a channel in a digest, at or after a time."""
    return was_sent(stored, channel, since) and bool(digest_id_of(stored, channel))


def was_taken_over(before: StoredDocument, after: StoredDocument, channel: str, state: str) -> bool:
    """Whether another sidecar sent or claimed the delivery after the claim of this one expired.

    A message that this sidecar sent is marked as sent all the same: whoever claimed it again need not retry it.
    """
    entry = entry_for(after, channel)
    if entry is None or entry["state"] == "sent":
        return True
    return state != "sent" and int(entry["attempts"]) != attempts_of(before, channel)


def with_entry(stored: StoredDocument, channel: str, values: Entry) -> list[Entry]:
    """Return all entries with one channel's entry changed; a value of None removes the key."""
    changed = [
        {**entry, **with_updates(entry, values, stored)} if entry["channel"] == channel else entry
        for entry in delivery_entries(stored.document)
    ]
    return [{key: value for key, value in entry.items() if value is not None} for entry in changed]


def updates_of(stored: StoredDocument, channel: str) -> int | None:
    """Return how many updates an alert has for a channel; None where the document was read or written without them.

    Those of a status delivery are the entries of the alert's history.
    """
    if is_of_status(channel):
        history = stored.document["watcher"].get("history")
        return None if history is None else len(history)
    joined = stored.document["watcher"].get("joined")
    return None if joined is None else int(joined.get("updates") or 0)


def with_updates(entry: Entry, values: Entry, stored: StoredDocument) -> Entry:
    """Return the values of a claim or a sent message, with the number of the alert's updates that it contains.

    A message that is sent while further hits with new values joined is due again, as an update.
    """
    updates = updates_of(stored, str(entry["channel"]))
    if values.get("state") == "claimed":
        values = {**values, "stale": None} if "stale" in entry else values
        return {**values, "claimed_updates": updates} if updates else values
    if values.get("state") in WITHHELD:
        return _ended(entry, values, int(entry.get("claimed_updates") or 0) if updates is None else updates)
    if values.get("state") != "sent":
        return values
    contained = int(entry.get("claimed_updates") or 0)
    sent = _ended(entry, values, contained)
    if (updates is None or updates <= contained) and "stale" not in entry:  # nothing new since the claim
        return sent
    moment = parse_timestamp(str(values["sent"]))
    due = values["sent"] if moment is None else format_timestamp(receiver_of(entry).update_due(moment))
    return {**sent, "state": "pending", "attempts": 0, "due": due, "digest_id": None, "stale": None}


def _ended(entry: Entry, values: Entry, contained: int) -> Entry:
    """Return the values of a message that ended, with how many hits it contained."""
    ended = {**values, "updates": contained} if contained else values
    if is_of_status(str(entry["channel"])):
        return ended
    return {**ended, "outcomes": with_outcome(entry, outcome_of({**entry, **values}), contained=contained)}


def with_recipients(entries: list[Entry], delivery: Delivery, *, now: datetime, until: datetime) -> list[Entry]:
    """Return entries with one more for each recipient that did not get a message that others got.

    Such a delivery is retried, or failed, on its own.
    """
    existing = {entry["channel"] for entry in entries}
    added: list[Entry] = []
    for refusal in delivery.refusals:
        channel = f"{delivery.channel_name}{_RECIPIENT}{refusal.recipient}"
        values = failed_values(refusal.error, now) if refusal.permanent else postponed_values(refusal.error, until)
        if channel not in existing:
            entry = {"channel": channel, "attempts": 0, **delivery.form_values, **values}
            added.append({key: value for key, value in entry.items() if value is not None})
    return [*entries, *added]


def with_fallback(entries: list[Entry], channel: str, fallback: str, now: datetime) -> list[Entry]:
    """Return entries with one more for the fallback of a channel, unless the alert has a delivery to it."""
    if any(entry["channel"] == fallback for entry in entries):
        return entries
    plan = RoutedReceiver(channel=fallback, fallback_of=channel).as_document()
    due = format_timestamp(now)
    return [*entries, {"channel": fallback, "state": "pending", "attempts": 0, "due": due, "plan": plan}]


def sent_values(delivery: Delivery, now: datetime) -> Entry:
    """Return what an entry stores when its channel accepted the message."""
    # the channel's name, not a boolean: the entries are flattened in the index, and the rate limit counts by channel
    single = {} if delivery.is_digest else {"sent_single": delivery.channel}
    message = {"message": delivery.message} if delivery.message and not delivery.is_digest else {}
    ended = {"due": None, "error": None, "failures": None}
    return {"state": "sent", "sent": format_timestamp(now), **ended, **single, **message}


def postponed_values(error: str, until: datetime) -> Entry:
    """Return what an entry stores when it is retried later."""
    return {"state": "pending", "due": format_timestamp(until), "error": error[:_MAX_ERROR]}


def silenced_values(reason: str, outcome: HitOutcome) -> Entry:
    """Return what an entry stores when its message is held back; a later update becomes due all the same."""
    return {"state": str(outcome), "due": None, "error": None, "failures": None, "reason": reason[:_MAX_ERROR]}


def receiver_of(entry: Entry) -> RoutedReceiver:
    """Return how routes send the delivery of an entry."""
    return RoutedReceiver.from_document(str(entry["channel"]), entry.get("plan") or {})


def failed_values(error: str, now: datetime) -> Entry:
    """Return what an entry stores when it is never retried."""
    return {"state": "failed", "failed": format_timestamp(now), "due": None, "error": error[:_MAX_ERROR]}
