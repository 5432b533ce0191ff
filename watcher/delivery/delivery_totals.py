"""The delivery records of many alerts, summed: what became of every hit, channel by channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watcher.delivery.delivery_record import delivery_record
from watcher.delivery.hit_outcomes import HitOutcome

TOTALLED = ("watcher.alert.state", "watcher.deliveries", "watcher.joined.count", "watcher.joined.updates")
"""The paths of an alert document that its delivery record needs."""


@dataclass(slots=True)
class DeliveryTotals:
    """The sums of the delivery records of alerts.

    On each channel every hit of its alerts has one outcome, so the outcomes of a channel sum up to its hits.
    """

    alerts: int = 0
    hits: int = 0
    unrouted: int = 0  # alerts that no channel hears of
    channels: dict[str, Counter[HitOutcome]] = field(default_factory=dict)

    def add(self, document: Mapping[str, Any]) -> None:
        """Add the record of a stored alert."""
        records = delivery_record(document)
        self.alerts += 1
        self.hits += int((document["watcher"].get("joined") or {}).get("count") or 1)
        self.unrouted += not records
        for record in records:
            self.channels.setdefault(record.channel, Counter()).update(record.hits)

    @property
    def outcomes(self) -> tuple[HitOutcome, ...]:
        """The outcomes that occur, in the order of `HitOutcome`."""
        return tuple(outcome for outcome in HitOutcome if any(counts[outcome] for counts in self.channels.values()))
