"""Delivery of alerts: each channel on its own, and a digest where a rule opens many alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from watcher.delivery.channel_state import ChannelState, ChannelStates
from watcher.delivery.deliveries import channel_name, is_of_status
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.inhibition import Inhibitor
from watcher.delivery.outbox import Outbox
from watcher.delivery.prior_counts import PriorAlertCounts
from watcher.delivery.rate_limit import UNLIMITED, RateLimit
from watcher.delivery.silencing import Silencing, no_silencers
from watcher.delivery.stage_outcomes import Stage
from watcher.delivery.stages import (
    AwaitMessage,
    Channels,
    Claim,
    GatherDigest,
    HoldLease,
    Render,
    Send,
    SettleDigest,
    Stopping,
)
from watcher.delivery.withholding import CheckEscalation, Withhold
from watcher.notify.links import Links
from watcher.notify.renderer import Renderer
from watcher.pipeline.channel_run import ChannelRun
from watcher.pipeline.delivery_result import DeliveryResult
from watcher.routes.silences import Silencer

log = structlog.get_logger(__name__)

_FALLBACK_AFTER = timedelta(minutes=5)  # since the first failure
_FALLBACK_ATTEMPTS = 5  # other channels write to the same alerts at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Runs due deliveries through the stages and stores their outcomes, each channel on its own."""

    queries: DeliveryQueries
    outbox: Outbox
    states: ChannelStates
    channels: Channels
    renderer: Renderer
    links: Links
    now: Callable[[], datetime]
    inhibitor: Inhibitor | None = None  # None: nothing is inhibited
    rate_limit: RateLimit = field(default_factory=RateLimit)
    silencers: Callable[[], Sequence[Silencer]] = no_silencers  # read at each round of a channel
    stopping: Callable[[str], bool] = field(default=lambda _channel: False)  # checked before every side effect
    observe: Callable[[str, str], None] = field(default=lambda _channel, _outcome: None)  # counts the outcomes

    _refused: set[str] = field(default_factory=set, init=False)  # channels that refused a message of this process

    def deliver(self) -> DeliveryResult:
        """Run everything that is due to the channels of settings, at the same time; no channel waits for another."""
        with ThreadPoolExecutor(len(self.channels) + 1, thread_name_prefix="delivery") as pool:
            results = [pool.submit(self.deliver_to, channel) for channel in self.channels]
        return sum((result.result() for result in results), self._count_missing())

    def deliver_to(self, channel: str) -> DeliveryResult:
        """Run everything that is due to a channel and to single recipients of it, and what becomes due meanwhile."""
        due = [name for name in self.queries.channels_due(now=self.now()) if channel_name(name) == channel]
        result = sum((self._run_of(name).run() for name in due), DeliveryResult())
        self._fall_back(channel)  # also where nothing is due: its service may have asked for a long wait
        return result

    def _fall_back(self, channel: str) -> None:
        """Send what a channel has not accepted for a time to its fallback too, where settings name one."""
        fallback = self._fallback_of(channel)
        if fallback is None or self.stopping(channel):
            return
        now, state = self.now(), self.states.read(channel)
        if state.next_try is None or state.since is None or now - state.since < _FALLBACK_AFTER:
            return
        added = sum(self._added_to(fallback, channel, now, state.next_try))
        if added:
            log.warning("channel.fallback", channel=channel, fallback=fallback, alerts=added, since=str(state.since))

    def _fallback_of(self, channel: str) -> str | None:
        """Return the fallback of a channel; a status or a single recipient has none."""
        fallback = self.channels[channel][0].fallback if channel in self.channels else None
        return fallback if fallback != channel and fallback in self.channels else None

    def _added_to(self, fallback: str, channel: str, now: datetime, next_try: datetime) -> Iterator[int]:
        """Yield how many deliveries were added; what other channels wrote meanwhile is tried again."""
        for _ in range(_FALLBACK_ATTEMPTS):
            alerts = self.queries.undelivered(channel, now=now, next_try=next_try, without=fallback)
            added = self.outbox.add_fallback(alerts, channel, fallback, now=now)
            yield added
            if added == len(alerts):
                return
            self.queries.refresh()

    def _count_missing(self) -> DeliveryResult:
        """Count and log what is due to channels that settings lack; it stays pending."""
        now, total = self.now(), DeliveryResult()
        for channel in self.queries.channels_due(now=now):
            deliveries = () if channel_name(channel) in self.channels else self.queries.due(channel, now=now)
            if deliveries:
                advice = "add the channel to `channels` in settings; its messages are kept until then"
                log.warning("channel.missing", channel=channel, deliveries=len(deliveries), advice=advice)
                total += DeliveryResult(postponed=len(deliveries))
        return total

    def _run_of(self, channel: str) -> ChannelRun:
        name = channel_name(channel)

        def stopping() -> bool:
            return self.stopping(name)

        silencing = Silencing(
            documents=self.outbox.documents,
            queries=self.queries,
            outbox=self.outbox,
            now=self.now,
            # what people do is no message that a silence could hold back
            read=no_silencers if is_of_status(channel) else self.silencers,
        )
        return ChannelRun(
            channel=channel,
            queries=self.queries,
            outbox=self.outbox,
            states=self.states,
            stages=self._stages(stopping, silencing, is_message=not is_of_status(channel)),
            now=self.now,
            silencing=silencing,
            rate_limit=UNLIMITED if is_of_status(channel) else self.rate_limit,
            stopping=stopping,
            observe=self.observe,
            state=self._state(channel),
            fallback=self._fallback_of(channel),
            refused=self._refused,
        )

    def _state(self, channel: str) -> ChannelState:
        """Return the state of a channel: one that refused messages of other processes alone is asked at once."""
        state = self.states.read(channel)
        return replace(state, next_try=None) if state.is_refused and channel not in self._refused else state

    def _stages(self, stopping: Stopping, silencing: Silencing, *, is_message: bool) -> Sequence[Stage]:
        """Return the stages of a delivery, in order."""
        inhibitor = self.inhibitor if is_message else None
        prior = PriorAlertCounts(self.queries.documents, self.queries.prefix)
        return (
            HoldLease(stopping),
            SettleDigest(self.queries, self.rate_limit, self.now),
            GatherDigest(self.queries, self.now),
            AwaitMessage(),
            Withhold(silencing=silencing, inhibitor=inhibitor, outbox=self.outbox, now=self.now, observe=self.observe),
            Claim(self.outbox, self.now),
            CheckEscalation(),
            Render(self.channels, self.renderer, self.links, self.now, prior),
            Send(self.channels, stopping, self.now),
        )
