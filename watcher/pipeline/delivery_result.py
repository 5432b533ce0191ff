"""Counts of messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """Counts of messages of a delivery round."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0

    def __add__(self, other: DeliveryResult) -> DeliveryResult:
        return DeliveryResult(
            sent=self.sent + other.sent,
            postponed=self.postponed + other.postponed,
            failed=self.failed + other.failed,
        )
