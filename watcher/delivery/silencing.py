"""Silences in a delivery round: what they hold back is marked before it counts against any limit of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from watcher.delivery.deliveries import Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.restored_alert import restore_alert
from watcher.delivery.stages import Leave, Outcome, Proceed
from watcher.delivery.stages import Silence as SilenceOutcome
from watcher.ports import Documents, StoredDocument
from watcher.routes.labels import alert_labels
from watcher.routes.silences import Silencer, silencer_of

log = structlog.get_logger(__name__)

_BATCH = 100  # alerts that are read at once


def no_silencers() -> Sequence[Silencer]:
    """Return no silences."""
    return ()


@dataclass(slots=True, kw_only=True)
class Silencing:
    """The silences of a round of one channel.

    They are read when a round begins. A silence that is created meanwhile holds back messages from the next round on.
    """

    documents: Documents
    queries: DeliveryQueries
    outbox: Outbox
    now: Callable[[], datetime]
    read: Callable[[], Sequence[Silencer]] = no_silencers
    _silencers: Sequence[Silencer] = field(default=())

    def begin_round(self) -> None:
        """Read the silences that hold now."""
        silencers = self.read()
        now = self.now() if silencers else None
        self._silencers = [silencer for silencer in silencers if now is not None and silencer.holds(now)]

    def held_back(self, channel: str) -> Iterator[tuple[Delivery, SilenceOutcome]]:
        """Yield the due deliveries of a channel that a silence holds back, the oldest first.

        The caller stores each outcome before it asks for the next. It ends at a batch without any: a channel that was
        down for days has many other deliveries. Those behind them are checked one by one, before they are sent.
        """
        while self._silencers:
            due = self.queries.due(channel, now=self.now())
            pairs = list(self._silenced(due))
            yield from pairs
            if not pairs:
                return
            self.queries.refresh()  # what was stored must not be found as due again

    def __call__(self, delivery: Delivery) -> Outcome:
        """Hold back a message, or take the alerts that are silenced out of a digest: a stage of deliveries."""
        if not self._silencers:
            return Proceed(delivery=delivery)
        singles = [replace(delivery, alerts=(stored,)) for stored in delivery.alerts]
        silenced = list(self._silenced(singles))
        if not silenced:
            return Proceed(delivery=delivery)
        if not delivery.is_digest:
            return silenced[0][1]
        for single, outcome in silenced:
            self.outbox.silence(single, outcome.reason)
        ids = {single.alerts[0].id for single, _ in silenced}
        rest = tuple(stored for stored in delivery.alerts if stored.id not in ids)
        return Proceed(delivery=replace(delivery, alerts=rest)) if rest else Leave(reason="all of it is silenced")

    def _silenced(self, deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, SilenceOutcome]]:
        for start in range(0, len(deliveries), _BATCH):
            batch = deliveries[start : start + _BATCH]
            keys = [(delivery.alerts[0].index, delivery.alerts[0].id) for delivery in batch]
            for delivery, complete in zip(batch, self.documents.get(keys), strict=True):
                reason = self._reason(complete)
                if reason:
                    yield delivery, SilenceOutcome(reason=reason)

    def _reason(self, stored: StoredDocument | None) -> str:
        """Return why the message about an alert is held back, empty where it is not."""
        if stored is None:
            return ""
        try:
            labels = alert_labels(restore_alert(stored))
        except Exception:  # attackers write events: a damaged alert must not hold the others, nor be held back
            log.exception("delivery.unlabelled", alert=stored.id)
            return ""
        silencer = silencer_of(self._silencers, labels, self.now())
        return "" if silencer is None else silencer.answer
