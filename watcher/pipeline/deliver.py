"""Delivery of alerts: each channel on its own, and a digest where a rule opens many alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from watcher.delivery.deliveries import Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.rate_limit import RateLimit
from watcher.delivery.stages import (
    Channels,
    Claim,
    Drop,
    FindChannel,
    GatherDigest,
    Hold,
    HoldLease,
    Leave,
    Outcome,
    Proceed,
    Render,
    Send,
    SettleDigest,
    Stage,
    Stopping,
    run_stages,
)
from watcher.notify.links import Links
from watcher.notify.renderer import Renderer

log = structlog.get_logger(__name__)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Runs due deliveries through the stages and stores their outcomes."""

    queries: DeliveryQueries
    outbox: Outbox
    channels: Channels
    renderer: Renderer
    links: Links
    now: Callable[[], datetime]
    rate_limit: RateLimit = field(default_factory=RateLimit)
    stopping: Stopping = field(default=lambda: False)  # checked before every side effect
    observe: Callable[[str, str], None] = field(default=lambda _channel, _outcome: None)  # counts the outcomes

    @property
    def stages(self) -> Sequence[Stage]:
        """The stages of a delivery, in order."""
        return (
            HoldLease(self.stopping),
            SettleDigest(self.queries, self.rate_limit, self.now),
            GatherDigest(self.queries, self.now),
            FindChannel(self.channels, self.now),
            Claim(self.outbox, self.now),
            Render(self.channels, self.renderer, self.links, self.now),
            Send(self.channels, self.stopping, self.now),
        )

    def deliver(self) -> DeliveryResult:
        """Run everything that is due, and what becomes due meanwhile."""
        total = DeliveryResult()
        while not self.stopping():
            result = self._round()
            total += result
            if not result.sent:
                break
        return total

    def _round(self) -> DeliveryResult:
        """Run the due deliveries of every rule once."""
        total = DeliveryResult()
        finished: list[str] = []
        while deliveries := self.queries.due(now=self.now(), without=finished):
            for rule, of_rule in _grouped(deliveries, lambda delivery: delivery.rule).items():
                for channel, pending in _grouped(of_rule, lambda delivery: delivery.channel).items():
                    if self.stopping():
                        return total
                    total += self._run_all(rule, channel, pending)
                finished.append(rule)
        return total

    def _run_all(self, rule: str, channel: str, pending: Sequence[Delivery]) -> DeliveryResult:
        """Run a rule's deliveries to a channel: single messages up to the rate limit, a digest of the rest."""
        singles = [delivery for delivery in pending if not delivery.digest_id]
        within_limit = singles[: self._remaining(rule, channel, len(singles))]
        total = sum(map(self._run, within_limit), DeliveryResult())
        if len(within_limit) < len(pending):
            total += self._run(Delivery(rule=rule, channel=channel, is_digest=True))
        return total

    def _remaining(self, rule: str, channel: str, singles: int) -> int:
        """Return how many single messages the rate limit still allows."""
        limit = self.rate_limit.limit
        if singles <= 1:  # a lone alert is never worth a digest
            return limit
        since = self.now() - self.rate_limit.within
        return max(0, limit - self.queries.sent_since(rule, channel, since=since, most=limit))

    def _run(self, delivery: Delivery) -> DeliveryResult:
        return self._store(*run_stages(delivery, self.stages))

    def _store(self, delivery: Delivery, outcome: Outcome) -> DeliveryResult:
        """Store the outcome of a delivery in the outbox."""
        match outcome:
            case Proceed():
                self.outbox.mark_sent(delivery, now=self.now())
                self.observe(delivery.channel, "sent")
                log.info("digest.sent" if delivery.is_digest else "delivery.sent", **_described(delivery))
                return DeliveryResult(sent=1)
            case Hold():
                self.outbox.postpone(delivery, outcome.reason, until=outcome.until)
                self.observe(delivery.channel, "postponed")
                log.warning("delivery.postponed", error=outcome.reason, **_described(delivery))
                return DeliveryResult(postponed=1)
            case Drop():
                self.outbox.fail(delivery, outcome.reason)
                self.observe(delivery.channel, "failed")
                log.warning("delivery.failed", error=outcome.reason, **_described(delivery))
                return DeliveryResult(failed=1)
            case Leave():
                return DeliveryResult()


def _grouped(deliveries: Iterable[Delivery], key: Callable[[Delivery], str]) -> dict[str, list[Delivery]]:
    groups: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault(key(delivery), []).append(delivery)
    return groups


def _described(delivery: Delivery) -> dict[str, object]:
    """Return the keys that a log line says about a delivery."""
    described: dict[str, object] = {"channel": delivery.channel, "attempt": delivery.attempts}
    if delivery.is_digest:
        return {**described, "rule": delivery.rule, "alerts": len(delivery.alerts), "digest_id": delivery.digest_id}
    return {**described, "alert": delivery.alerts[0].id}
