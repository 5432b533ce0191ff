"""The outbox: deliveries stored in their alerts, claimed and marked under conditional writes.

A delivery is claimed before it is sent, and marked as sent after its channel accepted it. A claim expires: another
sidecar sends what a crash left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watcher.delivery.channel_state import CHANNEL_BACKOFF
from watcher.delivery.deliveries import (
    Delivery,
    Entry,
    attempts_of,
    delivery_entries,
    entry_for,
    failed_values,
    is_due,
    postponed_values,
    sent_values,
    silenced_values,
    was_taken_over,
    with_entry,
    with_fallback,
    with_recipients,
)
from watcher.delivery.digest_content import digest_content
from watcher.delivery.hit_outcomes import HitOutcome
from watcher.ports import Documents, PartialUpdate, StoredDocument
from watcher.timestamps import format_timestamp

_AddEntries = Callable[[list[Entry]], list[Entry]]


@dataclass(frozen=True, slots=True)
class Outbox:
    """Changes the state of deliveries of one alert or many."""

    documents: Documents

    def claim(self, delivery: Delivery, *, now: datetime) -> Delivery | None:
        """Claim a delivery, so that no other sidecar sends it meanwhile; None where another was faster.

        Alerts of a digest that another process changed since they were gathered are left out of it.
        """
        # one alert is read again: the result of another channel was possibly written to it a moment ago
        alerts = delivery.alerts if delivery.is_digest else self._due_again(delivery.alerts, delivery.channel, now)
        if not alerts:
            return None
        attempts = 1 + max(attempts_of(stored, delivery.channel) for stored in alerts)
        due = format_timestamp(now + delivery.claim_time)
        values = {"state": "claimed", "attempts": attempts, "due": due, **delivery.form_values}
        pairs = self._claim(alerts, delivery, values, now)
        first = self._complete(delivery, *pairs[0]) if pairs else None
        if first is None:
            return None
        return replace(
            delivery,
            alerts=tuple(after for _, after in pairs),
            attempts=attempts,
            first=first,
            content=digest_content([before for before, _ in pairs], now=now),
        )

    def mark_sent(self, delivery: Delivery, *, now: datetime) -> None:
        """Mark a delivery as sent: its channel accepted the message.

        Recipients that did not get it get deliveries of their own in the same write.
        """
        until = now + CHANNEL_BACKOFF.delay(1)
        self._settle(
            delivery,
            sent_values(delivery, now),
            lambda entries: with_recipients(entries, delivery, now=now, until=until),
        )

    def postpone(self, delivery: Delivery, error: str, *, until: datetime, also: Entry | None = None) -> None:
        """Store why a delivery was not sent, when to try again, and what else its entry should hold."""
        self._settle(delivery, {**postponed_values(error, until), **(also or {})})

    def fail(self, delivery: Delivery, error: str, *, now: datetime, fallback: str | None = None) -> None:
        """Mark a delivery as failed: it is never tried again, and a fallback of its channel gets it instead."""
        if fallback is None:
            self._settle(delivery, failed_values(error, now))
        else:
            self._settle(
                delivery,
                failed_values(error, now),
                lambda entries: with_fallback(entries, delivery.channel, fallback, now),
            )

    def silence(self, delivery: Delivery, reason: str, outcome: HitOutcome = HitOutcome.SILENCED) -> None:
        """Mark a delivery as held back, with the reason; a later update of the alert becomes due all the same."""
        self._settle(delivery, silenced_values(reason, outcome))

    def add_fallback(self, alerts: Sequence[StoredDocument], channel: str, fallback: str, *, now: datetime) -> int:
        """Add deliveries to the fallback of a channel, and return how many; the channel's own stay pending.

        An alert that was written meanwhile is left for the next call: it may have the delivery already.
        """
        changes = [
            PartialUpdate(
                stored=stored,
                part={
                    "watcher": {
                        "deliveries": with_fallback([*delivery_entries(stored.document)], channel, fallback, now)
                    }
                },
            )
            for stored in alerts
        ]
        return sum(after is not None for after in self.documents.update(changes)) if changes else 0

    # ---- inside

    def _due_again(self, alerts: Sequence[StoredDocument], channel: str, now: datetime) -> tuple[StoredDocument, ...]:
        """Read alerts again, realtime, and return those that are still due to a channel."""
        current = self.documents.get([(stored.index, stored.id) for stored in alerts])
        return tuple(stored for stored in current if stored is not None and is_due(entry_for(stored, channel), now))

    def _complete(self, delivery: Delivery, before: StoredDocument, after: StoredDocument) -> StoredDocument | None:
        """Return the complete document of a claimed alert; None where it was deleted."""
        if delivery.is_digest:
            return self.documents.get([(before.index, before.id)])[0]
        own = {**before.document["watcher"], **after.document["watcher"]}
        return replace(after, document={**before.document, "watcher": own})

    def _claim(
        self, alerts: Sequence[StoredDocument], delivery: Delivery, values: Entry, now: datetime
    ) -> list[tuple[StoredDocument, StoredDocument]]:
        """Write the claim, and return the alerts before and after it; those that another sidecar claimed are left out.

        The result of another channel may be written to the same alert meanwhile: then the claim is written again.
        """
        pairs: dict[str, tuple[StoredDocument, StoredDocument]] = {}
        remaining = list(alerts)
        while remaining:
            written = self._update(remaining, delivery.channel, values)
            pairs |= {
                before.id: (before, after)
                for before, after in zip(remaining, written, strict=True)
                if after is not None
            }
            conflicts = [before for before, after in zip(remaining, written, strict=True) if after is None]
            remaining = [*self._due_again(conflicts, delivery.channel, now)] if conflicts else []
        return [pairs[stored.id] for stored in alerts if stored.id in pairs]

    def _update(
        self, alerts: Sequence[StoredDocument], channel: str, values: Entry, added: _AddEntries = list
    ) -> Sequence[StoredDocument | None]:
        return self.documents.update(
            [
                PartialUpdate(
                    stored=stored, part={"watcher": {"deliveries": added(with_entry(stored, channel, values))}}
                )
                for stored in alerts
            ]
        )

    def _settle(self, delivery: Delivery, values: Entry, added: _AddEntries = list) -> None:
        """Write a result; where another channel's result was written meanwhile, write again on top of it."""
        values = {**delivery.form_values, **values}
        remaining = list(delivery.alerts)
        while remaining:
            written = self._update(remaining, delivery.channel, values, added)
            conflicts = [before for before, after in zip(remaining, written, strict=True) if after is None]
            current = self.documents.get([(stored.index, stored.id) for stored in conflicts]) if conflicts else ()
            remaining = [
                after
                for before, after in zip(conflicts, current, strict=True)
                if after is not None and not was_taken_over(before, after, delivery.channel, values["state"])
            ]
