"""Silences in a delivery round: what they hold back is marked before it counts against any limit of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from watcher.delivery.deliveries import Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.restored_alert import restore_alert
from watcher.delivery.stage_outcomes import Silence as SilenceOutcome
from watcher.ports import Documents, StoredDocument
from watcher.routes.labels import Labels, alert_labels
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

    @property
    def is_active(self) -> bool:
        """Whether any silence holds in this round."""
        return bool(self._silencers)

    def reason(self, labels: Labels, *, now: datetime) -> str:
        """Return why a message about an alert with some labels is held back, empty where it is not."""
        silencer = silencer_of(self._silencers, labels, now)
        return "" if silencer is None else silencer.answer

    def _silenced(self, deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, SilenceOutcome]]:
        for start in range(0, len(deliveries), _BATCH):
            batch = deliveries[start : start + _BATCH]
            keys = [(delivery.alerts[0].index, delivery.alerts[0].id) for delivery in batch]
            for delivery, complete in zip(batch, self.documents.get(keys), strict=True):
                labels = None if complete is None else labels_of(complete)
                if labels is not None and (reason := self.reason(labels, now=self.now())):
                    yield delivery, SilenceOutcome(reason=reason)


def labels_of(stored: StoredDocument) -> Labels | None:
    """Return the labels of a complete alert, None where it is damaged."""
    try:
        return alert_labels(restore_alert(stored))
    except Exception:  # attackers write events: a damaged alert must not hold the others, nor be held back
        log.exception("delivery.unlabelled", alert=stored.id)
        return None
