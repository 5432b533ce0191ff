"""The delivery record of an alert: what became of each of its hits, channel by channel, and why.

The hit that opened an alert and the hits of its updates are worth a message; the others join. A delivery stores how
many hits its messages contained, by outcome. So every hit has exactly one outcome on each channel, and the sum of the
outcomes is the number of hits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watcher.delivery.deliveries import Entry, delivery_entries, is_of_status, receiver_of
from watcher.delivery.hit_outcomes import WITHHELD, HitOutcome, outcomes_of
from watcher.model import AlertStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord:
    """What became of the hits of an alert on one channel, or for one recipient of it."""

    channel: str
    hits: Mapping[HitOutcome, int]  # outcomes without hits are left out
    answer: str  # why a message was sent, or not, in a sentence

    @property
    def total(self) -> int:
        """The number of hits: every hit has one outcome."""
        return sum(self.hits.values())


def delivery_record(document: Mapping[str, Any]) -> tuple[ChannelRecord, ...]:
    """Return the record of a stored alert: one entry for each channel; none where no channel hears of it."""
    return tuple(
        _channel_record(entry, document)
        for entry in delivery_entries(document)
        if not is_of_status(str(entry["channel"]))
    )


def no_delivery_answer(document: Mapping[str, Any]) -> str:
    """Return why no channel hears of an alert; empty where one does."""
    if delivery_entries(document):
        return ""
    if document["watcher"]["alert"].get("origin") == "backfill":
        return "No channel hears of it: a backfill opened it, without `--notify`, and no later hit joined it."
    if routes := document["watcher"]["alert"].get("routes"):
        return f"No channel hears of it: its routes have no receivers ({', '.join(map(str, routes))})."
    return "No channel hears of it: the rule had no channel when the alert was opened."


def _channel_record(entry: Entry, document: Mapping[str, Any]) -> ChannelRecord:
    joined = document["watcher"].get("joined") or {}
    hits, updates = int(joined.get("count") or 1), int(joined.get("updates") or 0)
    outcomes = dict(outcomes_of(entry))
    waiting = 1 + updates - sum(outcomes.values())
    if waiting > 0:
        state = HitOutcome(entry["state"]) if entry["state"] in ("failed", *WITHHELD) else HitOutcome.PENDING
        outcomes[state] = outcomes.get(state, 0) + waiting
    if hits > 1 + updates:
        outcomes[HitOutcome.JOINED] = hits - 1 - updates
    ordered = {outcome: outcomes[outcome] for outcome in HitOutcome if outcomes.get(outcome)}
    status = str(document["watcher"]["alert"].get("state") or AlertStatus.OPEN)
    return ChannelRecord(channel=str(entry["channel"]), hits=ordered, answer=_answer(entry, status))


_LIMITS = {
    "digest-of-route": "its route sends digests",
    "limit-of-key": "the channel got its limit of single messages about this group key (`rate_limit.alerts_per_key`)",
    "limit-of-rule": "the channel got its limit of single messages of this rule (`rate_limit.alerts`)",
    "limit-of-channel": "the channel got its limit of single messages (`rate_limit.messages`)",
}


def _answer(entry: Entry, status: str) -> str:
    """Return why the last message of a delivery was sent, or not; `status` is that of the alert."""
    state, reason, error = str(entry["state"]), str(entry.get("reason") or ""), str(entry.get("error") or "")
    because = _LIMITS.get(reason, reason)
    match state:
        case "sent" if entry.get("digest_id"):
            return f"In a digest, because {because or 'the rule opened many alerts'}."
        case "sent":
            return "A message of its own."
        case "silenced" | "inhibited" | "acknowledged":
            return f"No message: {reason or state}."
        case "failed":
            return f"Given up: {error or 'no reason stored'}. `watcher resend` sends it again."
        case "claimed":
            return "A sidecar is sending it."
    if error:
        return f"It waits until {entry.get('due')} for the next attempt: {error}"
    return _waits(entry, status)


def _waits(entry: Entry, status: str) -> str:
    """Return what a pending delivery waits for."""
    receiver = receiver_of(entry)
    if receiver.is_escalation and "sent" not in entry:
        if status != AlertStatus.OPEN:
            return f"It will not escalate: the alert is {status}."
        return f"It escalates at {entry.get('due')}, unless a person acknowledges or closes the alert before."
    if receiver.digest is not None:
        return f"It waits for the digest at {entry.get('due')}."
    again = "An update waits" if "sent" in entry else "It waits"
    return f"{again} for the next delivery, or for a digest."
