"""What alerts owe, told: each channel on its own, and a storm of one rule in one message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from watcher.delivery.outbox import Digest, Outbox, PendingDelivery
from watcher.delivery.restored_alert import restore_alert
from watcher.errors import DeliveryError, InputError
from watcher.notify.channel_registry import retry_delay
from watcher.notify.links import Links
from watcher.notify.message_context import alert_context, digest_context
from watcher.notify.renderer import MessageContext, Renderer
from watcher.pipeline.detect import Stopping
from watcher.ports import Notifier
from watcher.settings import Channel

log = structlog.get_logger(__name__)

_INTERRUPTED = "it was time to end"
_MISSING_CHANNEL_ATTEMPTS = 99  # attempts: a channel that settings lack is asked about once an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """What a round of delivery came to, in messages."""

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
class RateLimit:
    """When many alerts of one rule go to one channel as one message."""

    limit: int = 20  # alerts of a rule that a channel is told one by one in `within`
    within: timedelta = timedelta(hours=1)
    settle: timedelta = timedelta(minutes=1)  # how long a storm must have opened nothing new before it is told
    patience: timedelta = timedelta(minutes=10)  # and how long it is waited for that


class _SendFailure(Exception):  # noqa: N818 - reads as the state it names
    """A message was not taken; says whether trying again can help."""

    def __init__(self, error: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(error)


class _Interrupted(Exception):  # noqa: N818 - reads as the state it names
    """It was time to end before the message was handed over: whoever goes on is not to wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Tells what is owed, each channel on its own."""

    outbox: Outbox
    channels: Mapping[str, tuple[Channel, Notifier]]
    renderer: Renderer
    links: Links
    now: Callable[[], datetime]
    rate_limit: RateLimit = RateLimit()
    stopping: Stopping = field(default=lambda: False)  # asked before every side effect

    def deliver(self) -> DeliveryResult:
        """Tell everything that is due: claim, send, strike off."""
        counts = DeliveryResult()
        while not self.stopping():
            round_ = self._round()
            counts += round_
            if not round_.sent:
                break
        return counts

    def _round(self) -> DeliveryResult:
        """Give every rule that owes something one turn."""
        counts = DeliveryResult()
        done: list[str] = []
        while deliveries := self.outbox.deliveries(now=self.now(), without=done):
            for rule, owed in _by(deliveries, lambda delivery: delivery.rule).items():
                for channel, mine in _by(owed, lambda delivery: delivery.channel).items():
                    if self.stopping():
                        return counts
                    counts += self._tell(rule, channel, mine)
                done.append(rule)
        return counts

    def _tell(self, rule: str, channel: str, deliveries: Sequence[PendingDelivery]) -> DeliveryResult:
        """Tell a channel of a rule: one by one as long as the brake allows, the rest in one message."""
        single = [delivery for delivery in deliveries if not delivery.in_digest]
        room = self.rate_limit.limit
        if len(single) > 1:
            since = self.now() - self.rate_limit.within
            room -= self.outbox.told(rule, channel, since=since, most=self.rate_limit.limit)
        counts = sum((self._settle(delivery) for delivery in single[: max(room, 0)]), DeliveryResult())
        if (len(single) > room or len(single) < len(deliveries)) and self._is_over(rule):
            counts += self._deliver_digest(rule, channel)
        return counts

    def _is_over(self, rule: str) -> bool:
        """Tell whether a storm has settled, or lasts so long that it is told all the same."""
        now = self.now()
        span = self.outbox.opened(rule, now=now)
        if span is None or self.rate_limit.settle <= timedelta(0):
            return True
        first, last = span
        return last <= now - self.rate_limit.settle or first <= now - self.rate_limit.patience

    # ---- one by one

    def _settle(self, delivery: PendingDelivery) -> DeliveryResult:
        if self.stopping():
            return DeliveryResult()
        known = self.channels.get(delivery.channel)
        if known is None:
            self.outbox.postpone(
                delivery, _unknown(delivery.channel), until=self.now() + retry_delay(_MISSING_CHANNEL_ATTEMPTS)
            )
            return DeliveryResult(postponed=1)
        claimed = self.outbox.claim(delivery, now=self.now())
        if claimed is None:
            return DeliveryResult()
        try:
            self._send(known, lambda: alert_context(restore_alert(claimed.stored), links=self.links))
        except _Interrupted:
            self.outbox.postpone(claimed, _INTERRUPTED, until=self.now())
            return DeliveryResult(postponed=1)
        except _SendFailure as fault:
            _say(fault, claimed.channel, claimed.attempts, alert=claimed.stored.id)
            if fault.permanent:
                self.outbox.give_up(claimed, str(fault))
                return DeliveryResult(failed=1)
            self.outbox.postpone(claimed, str(fault), until=self.now() + retry_delay(claimed.attempts))
            return DeliveryResult(postponed=1)
        self.outbox.mark_sent(claimed, now=self.now())
        log.info("message.sent", alert=claimed.stored.id, channel=claimed.channel)
        return DeliveryResult(sent=1)

    # ---- many in one

    def _deliver_digest(self, rule: str, channel: str) -> DeliveryResult:
        known = self.channels.get(channel)
        digest = self.outbox.claim_digest(rule, channel, now=self.now()) if not self.stopping() else None
        if digest is None:
            return DeliveryResult()
        if known is None:
            self.outbox.postpone_digest(
                digest, _unknown(channel), until=self.now() + retry_delay(_MISSING_CHANNEL_ATTEMPTS)
            )
            return DeliveryResult(postponed=1)
        try:
            self._send(known, lambda: _about(digest))
        except _Interrupted:
            self.outbox.postpone_digest(digest, _INTERRUPTED, until=self.now())
            return DeliveryResult(postponed=1)
        except _SendFailure as fault:
            _say(fault, channel, digest.attempts, alerts=len(digest.claimed), told_in=digest.id)
            if fault.permanent:
                self.outbox.give_up_digest(digest, str(fault))
                return DeliveryResult(failed=1)
            self.outbox.postpone_digest(digest, str(fault), until=self.now() + retry_delay(digest.attempts))
            return DeliveryResult(postponed=1)
        self.outbox.mark_all_sent(digest, now=self.now())
        log.info("storm.told", rule=rule, channel=channel, alerts=len(digest.claimed), told_in=digest.id)
        return DeliveryResult(sent=1)

    def _send(self, known: tuple[Channel, Notifier], telling: Callable[[], MessageContext]) -> None:
        """Render and hand over; raises _Unsendable, whatever went wrong, and _Ended where it is asked to end."""
        channel, notifier = known
        try:
            notification = self.renderer.render(telling(), channel)
        except InputError as fault:
            raise _SendFailure(f"the message cannot be made: {fault}", permanent=False) from fault
        except Exception as fault:  # attackers write events: one that cannot be told must not silence the others
            log.exception("message.broken", channel=channel.name)
            raise _SendFailure(
                f"the message cannot be made: {type(fault).__name__}: {fault}", permanent=False
            ) from None
        if self.stopping():
            raise _Interrupted
        try:
            notifier.send(notification)
        except DeliveryError as fault:
            raise _SendFailure(str(fault), permanent=fault.permanent) from fault
        except Exception as fault:  # noqa: BLE001 - a channel's library may raise anything; no other channel suffers
            # its words are left out: they may quote an address that is a secret
            raise _SendFailure(f"{type(fault).__name__} in the channel", permanent=False) from None


def _by(
    deliveries: Iterable[PendingDelivery], key: Callable[[PendingDelivery], str]
) -> dict[str, list[PendingDelivery]]:
    found: dict[str, list[PendingDelivery]] = {}
    for delivery in deliveries:
        found.setdefault(key(delivery), []).append(delivery)
    return found


def _about(digest: Digest) -> MessageContext:
    alert = restore_alert(digest.first)
    return digest_context(
        alert.rule, digest=digest.id, count=len(digest.claimed), window=digest.window, keys=digest.keys
    )


def _unknown(channel: str) -> str:
    return f"no channel is called `{channel}` in settings"


def _say(fault: _SendFailure, channel: str, attempts: int, **about: object) -> None:
    event = "message.failed" if fault.permanent else "message.postponed"
    log.warning(event, channel=channel, error=str(fault), attempt=attempts, **about)
