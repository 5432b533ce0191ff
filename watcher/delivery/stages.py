"""The stages that a delivery passes, from the lease to the channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from watcher.delivery.deliveries import Delivery, Entry, entry_for, is_of_status, levels_from
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.rate_limit import RateLimit, reason_note
from watcher.delivery.restored_alert import restore_alert, restore_update
from watcher.delivery.stage_outcomes import Drop, Hold, Leave, Outcome, Proceed, Refuse, Retry, Silence
from watcher.errors import ChannelRefused, DeliveryError, InputError, RecipientsRefused
from watcher.model import Alert, FollowUp, Notification, PriorAlerts
from watcher.notify.channel_registry import retry_delay
from watcher.notify.digest_context import digest_context
from watcher.notify.links import Links
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import MessageContext, Renderer, delivery_key
from watcher.ports import Follower, Notifier, StoredDocument
from watcher.settings import ChannelSettings

log = structlog.get_logger(__name__)

INTERRUPTED = "interrupted by shutdown; will be retried"

Channels = Mapping[str, tuple[ChannelSettings, Notifier]]
Now = Callable[[], datetime]
Stopping = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class HoldLease:
    """Leaves deliveries to others when this sidecar ends or lost the lease."""

    stopping: Stopping

    def __call__(self, delivery: Delivery) -> Outcome:
        """Check the lease before anything is written."""
        return Leave(reason="the lease is not held") if self.stopping() else Proceed(delivery=delivery)


@dataclass(frozen=True, slots=True)
class SettleDigest:
    """Leaves a digest until its rules open no more alerts, or for the longest wait of the rate limit.

    A digest of several rules follows no other digest to its channel within the longest wait. Only alerts of its
    highest level count for both: alerts of lower levels delay no higher one.
    """

    queries: DeliveryQueries
    rate_limit: RateLimit
    now: Now

    def __call__(self, delivery: Delivery) -> Outcome:
        """Check when the alerts of the digest were opened; a single message passes."""
        if not delivery.is_digest or delivery.receiver.group:  # a digest of a route is sent at its time
            return Proceed(delivery=delivery)
        now = self.now()
        levels = () if delivery.rule else levels_from(delivery.level)
        opened = self.queries.opened(delivery, now=now, levels=levels)
        if self.rate_limit.digest_due(opened, now=now) > now:
            return Leave(reason="the rule still opens alerts")
        if not delivery.rule and self._follows_another(delivery.channel, levels, now):
            return Leave(reason="the channel got a digest a moment ago")
        return Proceed(delivery=delivery)

    def _follows_another(self, channel: str, levels: Sequence[str], now: datetime) -> bool:
        since = now - self.rate_limit.longest
        return self.rate_limit.settle > timedelta(0) and self.queries.digest_sent(channel, since=since, levels=levels)


@dataclass(frozen=True, slots=True)
class GatherDigest:
    """Loads the alerts of a digest."""

    queries: DeliveryQueries
    now: Now

    def __call__(self, delivery: Delivery) -> Outcome:
        """Search the alerts that are due; a single message passes."""
        if not delivery.is_digest:
            return Proceed(delivery=delivery)
        group = delivery.receiver.group
        gathered = self.queries.gather_digest(delivery.rule, delivery.channel, now=self.now(), group=group)
        if gathered is None:
            return Leave(reason="nothing is due")
        reason = gathered.reason or delivery.reason
        return Proceed(delivery=replace(gathered, reason=reason, receiver=delivery.receiver))


@dataclass(frozen=True, slots=True)
class AwaitMessage:
    """Leaves what people did to an alert until its channel got the message about the alert."""

    def __call__(self, delivery: Delivery) -> Outcome:
        """Check the delivery of the message; what is no status delivery passes."""
        if not is_of_status(delivery.channel) or not delivery.alerts:
            return Proceed(delivery=delivery)
        entry = entry_for(delivery.alerts[0], delivery.channel_name) or {}
        if "sent_single" in entry:
            return Proceed(delivery=delivery)
        if entry.get("state") in ("pending", "claimed"):
            return Leave(reason="the message about the alert is not sent yet")
        return Silence(reason="the channel got no message about this alert alone")


@dataclass(frozen=True, slots=True)
class Claim:
    """Claims deliveries in the outbox."""

    outbox: Outbox
    now: Now

    def __call__(self, delivery: Delivery) -> Outcome:
        """Write the claim under a condition."""
        claimed = self.outbox.claim(delivery, now=self.now())
        return Leave(reason="another sidecar claimed it") if claimed is None else Proceed(delivery=claimed)


@dataclass(frozen=True, slots=True)
class Render:
    """Renders claimed deliveries."""

    channels: Channels
    renderer: Renderer
    links: Links
    now: Now
    prior: Callable[[StoredDocument], PriorAlerts | None] = field(default=lambda _stored: None)

    def __call__(self, delivery: Delivery) -> Outcome:
        """Render the message for its channel; a message that cannot be rendered is tried again later."""
        channel, _ = self.channels[delivery.channel_name]
        try:
            notification = self._rendered(self._context(delivery), channel)
        except InputError as fault:
            error = f"the message cannot be rendered: {fault}"
        except Exception as fault:  # attackers write events: one bad event must not suppress other alerts
            log.exception("delivery.unrenderable", channel=delivery.channel)
            error = f"the message cannot be rendered: {type(fault).__name__}: {fault}"
        else:
            return Proceed(delivery=replace(delivery, notification=_addressed(notification, delivery)))
        return Hold(reason=error, until=self.now() + retry_delay(delivery.attempts))

    def _rendered(self, context: MessageContext, channel: ChannelSettings) -> Notification:
        """Render a message; where a template of the user's fails, it is a shipped one that says so."""
        try:
            return self.renderer.render(context, channel)
        except InputError as fault:
            log.warning("delivery.template_failed", channel=channel.name, error=str(fault))
            return self.renderer.render_plainly(context, channel, fault)

    def _context(self, delivery: Delivery) -> MessageContext:
        if delivery.first is None or delivery.content is None:
            raise ValueError("the delivery was not claimed")
        alert, content = restore_alert(delivery.first), delivery.content
        if not delivery.is_digest or len(delivery.alerts) == 1:  # the alert itself says more than a digest of it
            # what the entry of a status delivery counts is no update
            entry = {} if is_of_status(delivery.channel) else entry_for(delivery.first, delivery.channel) or {}
            return self._alert_context(replace(alert, prior=self.prior(delivery.first)), entry)
        return digest_context(
            alert.rule,
            digest=delivery.digest_id,
            count=len(delivery.alerts),
            window=content.window,
            keys=tuple(key for key, _ in content.keys.listed),
            key_count=content.keys.total,
            key_counts=dict(content.keys.listed),
            rules=tuple((rule.title, rule.level, rule.count) for rule in content.rules),
            hosts=content.hosts.listed,
            host_count=content.hosts.total,
            reason=reason_note(delivery.reason),
        )

    def _alert_context(self, alert: Alert, entry: Entry) -> MessageContext:
        """Return the context of an alert's first message, or of an update where that was sent."""
        contained = int(entry.get("claimed_updates") or 0)
        updates = alert.joined.updates if alert.joined is not None else ()
        news = updates[int(entry.get("updates") or 0) : contained]
        if not news or "sent" not in entry:
            return alert_context(alert, links=self.links, news=news)
        return alert_context(restore_update(alert, news[-1]), links=self.links, news=news, update=contained)


def _addressed(notification: Notification, delivery: Delivery) -> Notification:
    """Return a notification with its recipients, the message that it follows, and what people did to the alert."""
    first = delivery.first
    notification = replace(notification, attempt=max(delivery.attempts, 1))
    if first is None or delivery.is_digest:
        return replace(notification, recipients=delivery.recipients)
    message = str((entry_for(first, delivery.channel_name) or {}).get("message") or "")
    addressed = replace(notification, recipients=delivery.recipients, message=message)
    if not is_of_status(delivery.channel):
        return addressed
    alert, entry = restore_alert(first), entry_for(first, delivery.channel) or {}
    contained = int(entry.get("claimed_updates") or 0)
    entries = alert.history[int(entry.get("updates") or 0) : contained]
    key = delivery_key(f"{alert.id} status {contained}", delivery.channel_name)
    follow_up = FollowUp(status=alert.status, entries=entries, history=alert.history)
    return replace(addressed, key=key, thread=notification.key, follow_up=follow_up)


@dataclass(frozen=True, slots=True)
class Send:
    """Hands rendered messages to their channels."""

    channels: Channels
    stopping: Stopping
    now: Now

    def __call__(self, delivery: Delivery) -> Outcome:
        """Send the message, unless the lease was lost meanwhile."""
        if self.stopping() or delivery.notification is None:
            return Hold(reason=INTERRUPTED, until=self.now())  # the next holder of the lease need not wait
        _, notifier = self.channels[delivery.channel_name]
        try:
            message = _hand_over(delivery.notification, notifier)
        except RecipientsRefused as fault:
            return Proceed(delivery=replace(delivery, refusals=fault.refusals))
        except ChannelRefused as fault:
            return Refuse(reason=str(fault), wait=fault.wait)
        except DeliveryError as fault:
            return Drop(reason=str(fault)) if fault.permanent else Retry(reason=str(fault), wait=fault.wait)
        except Exception as fault:  # noqa: BLE001 - a channel's library may raise anything; other channels go on
            # the text is left out: it may quote an address that is a secret
            return Retry(reason=f"{type(fault).__name__} in the channel")
        return Proceed(delivery=replace(delivery, message=message))


def _hand_over(notification: Notification, notifier: Notifier) -> str:
    """Hand a notification to its channel, and return the service's id of the message; empty where there is none."""
    if notification.follow_up is None:
        message = notifier.send(notification) or ""
        return "" if notification.message else message  # updates refer to the first message
    if isinstance(notifier, Follower):
        notifier.follow(notification)
    return ""
