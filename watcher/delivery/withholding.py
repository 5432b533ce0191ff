"""Stages that hold a delivery back for good: escalations of acknowledged alerts, and inhibited alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from watcher.delivery.deliveries import Delivery
from watcher.delivery.hit_outcomes import HitOutcome
from watcher.delivery.inhibition import Inhibitor
from watcher.delivery.outbox import Outbox
from watcher.delivery.stages import Leave, Outcome, Proceed, Silence

_PAGE = 100  # alerts of a digest that are read together


@dataclass(frozen=True, slots=True)
class CheckEscalation:
    """Withholds the escalation of an alert that a person acknowledged or closed before the claim."""

    def __call__(self, delivery: Delivery) -> Outcome:
        """Check the alert as the claim wrote it: a claim fails where a person was faster."""
        if not delivery.receiver.is_escalation or delivery.first is None:
            return Proceed(delivery=delivery)
        alert = delivery.first.document["watcher"]["alert"]
        state = str(alert.get("state") or "open")
        if state == "open":
            return Proceed(delivery=delivery)
        by = f" by {alert['by']}" if alert.get("by") else ""
        return Silence(outcome=HitOutcome.ACKNOWLEDGED, reason=f"not escalated: it was {state}{by}")


@dataclass(frozen=True, slots=True)
class Inhibit:
    """Withholds alerts while there is an alert of a higher level with equal labels."""

    inhibitor: Inhibitor
    outbox: Outbox
    now: Callable[[], datetime]
    observe: Callable[[str, str], None]

    def __call__(self, delivery: Delivery) -> Outcome:
        """Check each alert; the others of a digest proceed."""
        now, others = self.now(), []
        for start in range(0, len(delivery.alerts), _PAGE):
            for stored, complete in self.inhibitor.complete(delivery.alerts[start : start + _PAGE]):
                reason = self.inhibitor.reason(complete, now=now)
                if not reason:
                    others.append(stored)  # the complete documents of a large digest would fill the memory
                elif not delivery.is_digest:
                    return Silence(outcome=HitOutcome.INHIBITED, reason=reason)
                else:
                    self.outbox.silence(replace(delivery, alerts=(stored,)), reason, HitOutcome.INHIBITED)
                    self.observe(delivery.channel_name, str(HitOutcome.INHIBITED))
        if not others:
            return Leave(reason="all alerts are inhibited")
        return Proceed(delivery=replace(delivery, alerts=tuple(others)))
