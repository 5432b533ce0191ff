"""Stages that hold a delivery back for good: escalations of acknowledged alerts, silenced and inhibited alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watcher.delivery.deliveries import Delivery
from watcher.delivery.hit_outcomes import HitOutcome
from watcher.delivery.inhibition import Inhibitor
from watcher.delivery.outbox import Outbox
from watcher.delivery.silencing import Silencing, labels_of
from watcher.delivery.stage_outcomes import Leave, Outcome, Proceed, Silence
from watcher.ports import StoredDocument

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Withhold:
    """Withholds alerts that a silence holds back, or an alert of a higher level with equal labels.

    Each alert is read again once, for both.
    """

    silencing: Silencing
    inhibitor: Inhibitor | None  # None: nothing is inhibited
    outbox: Outbox
    now: Callable[[], datetime]
    observe: Callable[[str, str], None]

    def __call__(self, delivery: Delivery) -> Outcome:
        """Check each alert; the others of a digest proceed."""
        if self.inhibitor is None and not self.silencing.is_active:
            return Proceed(delivery=delivery)
        now, others = self.now(), []
        for start in range(0, len(delivery.alerts), _PAGE):
            for stored, withheld in self._decided(delivery.alerts[start : start + _PAGE], now):
                if withheld is None:
                    others.append(stored)  # the complete documents of a large digest would fill the memory
                elif not delivery.is_digest:
                    return withheld
                else:
                    self.outbox.silence(replace(delivery, alerts=(stored,)), withheld.reason, withheld.outcome)
                    self.observe(delivery.channel_name, str(withheld.outcome))
        if not others:
            return Leave(reason="all alerts are held back")
        return Proceed(delivery=replace(delivery, alerts=tuple(others)))

    def _decided(
        self, alerts: Sequence[StoredDocument], now: datetime
    ) -> Iterator[tuple[StoredDocument, Silence | None]]:
        """Yield alerts, each with what holds it back; those that are gone are left out."""
        current = self.outbox.documents.get([(stored.index, stored.id) for stored in alerts])
        for stored, complete in zip(alerts, current, strict=True):
            if complete is not None:
                yield stored, self._withheld(complete, now)

    def _withheld(self, complete: StoredDocument, now: datetime) -> Silence | None:
        labels = labels_of(complete)
        if labels is None:
            return None
        if reason := self.silencing.reason(labels, now=now):
            return Silence(reason=reason)
        reason = "" if self.inhibitor is None else self.inhibitor.reason(complete.id, labels, now=now)
        return Silence(outcome=HitOutcome.INHIBITED, reason=reason) if reason else None
