"""How many hits the messages of a delivery contained, by what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class HitOutcome(StrEnum):
    """What became of a hit on a channel; every hit has exactly one outcome."""

    SENT = "sent"  # in a message about its alert alone
    JOINED = "joined"  # counted in its alert: it has no new value
    DIGESTED = "digested"  # in a digest that settings ask for
    LIMITED = "limited-then-digested"  # in a digest, because a limit of single messages was reached
    SILENCED = "silenced"  # a silence or a maintenance window held it back
    INHIBITED = "inhibited"  # an alert of a higher level held it back
    ACKNOWLEDGED = "acknowledged"  # an escalation that was not needed: a person had acknowledged or closed the alert
    FAILED = "failed"  # the channel refused it for good
    PENDING = "pending"  # none of these yet


WITHHELD = (HitOutcome.SILENCED, HitOutcome.INHIBITED, HitOutcome.ACKNOWLEDGED)
"""The outcomes of messages that are not sent, whatever the channel would accept; also states of deliveries."""

_LIMITED = ("limit-of-key", "limit-of-rule", "limit-of-channel")  # reasons of `rate_limit.Reason`


def outcome_of(entry: Mapping[str, Any]) -> HitOutcome:
    """Return what became of the hits of the last message of a delivery."""
    state = str(entry["state"])
    if state == "sent" and entry.get("digest_id"):
        # a digest without a stored reason is one of an older version, which knew limits alone
        limited = str(entry.get("reason") or _LIMITED[0]) in (*_LIMITED, "unfinished-digest")
        return HitOutcome.LIMITED if limited else HitOutcome.DIGESTED
    return HitOutcome(state) if state in ("sent", "failed", *WITHHELD) else HitOutcome.PENDING


def outcomes_of(entry: Mapping[str, Any]) -> Mapping[HitOutcome, int]:
    """Return how many hits the messages of a delivery contained; those of failed and pending ones are not counted.

    A delivery of a version before 6 stored no counts: all that it sent counts by its last message.
    """
    stored = entry.get("outcomes")
    if stored is not None:
        return {HitOutcome(name): int(count) for name, count in stored.items()}
    if "sent" not in entry:
        return {}
    last = outcome_of(entry)
    outcome = last if last in (HitOutcome.LIMITED, HitOutcome.DIGESTED) else HitOutcome.SENT
    return {outcome: 1 + int(entry.get("updates") or 0)}


def with_outcome(entry: Mapping[str, Any], outcome: HitOutcome, *, contained: int) -> Mapping[str, int]:
    """Return the stored counts after a message that contained the first hit and a number of updates."""
    before = outcomes_of(entry)
    new = 1 + contained - sum(before.values())
    counts = {str(each): count for each, count in before.items()}
    return counts if new <= 0 else {**counts, str(outcome): counts.get(str(outcome), 0) + new}
