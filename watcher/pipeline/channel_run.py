"""The due deliveries of one channel: the highest level first, and the channel as a whole waits after a failure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from watcher.delivery.channel_state import ChannelState, ChannelStates
from watcher.delivery.deliveries import Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.rate_limit import RateLimit
from watcher.delivery.stages import Drop, Hold, Leave, Outcome, Proceed, Retry, Stage, Stopping, run_stages
from watcher.errors import ClusterError
from watcher.notify.channel_registry import retry_delay
from watcher.pipeline.delivery_result import DeliveryResult

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class ChannelRun:
    """Runs the due deliveries of one channel, or of one recipient of it, through the stages."""

    channel: str
    queries: DeliveryQueries
    outbox: Outbox
    states: ChannelStates
    stages: Sequence[Stage]
    now: Callable[[], datetime]
    rate_limit: RateLimit
    stopping: Stopping
    observe: Callable[[str, str], None]  # counts the outcomes: channel in settings, outcome
    state: ChannelState  # as the last attempt left it
    _room: int = 0  # single messages that the limit of the channel still allows in this round
    _is_full: bool = False  # alerts of this round wait for a digest of all rules

    def run(self) -> DeliveryResult:
        """Run what is due and what becomes due meanwhile; nothing where the channel waits after a failure."""
        total = DeliveryResult()
        if self.state.is_failing and not self._ends:
            total += self._test_channel()
        while not self._ends:
            result = self._round()
            total += result
            if not result.sent:
                break
        return total

    @property
    def _ends(self) -> bool:
        # the time is asked of the cluster: only where the channel has something to wait for
        return self.stopping() or (self.state.next_try is not None and self.state.waits(self.now()))

    def _test_channel(self) -> DeliveryResult:
        """Run deliveries until the channel accepts one, or fails.

        Those with the fewest attempts come first: a message that the channel never accepts must not hold the others.
        """
        total = DeliveryResult()
        self._begin_round()
        due = sorted(self.queries.due(self.channel, now=self.now()), key=lambda delivery: delivery.attempts)
        for rule, pending in _by_rule(due).items():
            for delivery in self._messages(rule, pending):
                if self._ends or not self.state.is_failing:
                    return total
                total += self._run(delivery)
        return total

    def _round(self) -> DeliveryResult:
        """Run the due deliveries of every rule once, the highest level first, then a digest of what is left."""
        total = DeliveryResult()
        self._begin_round()
        finished: list[str] = []
        for level in (*self.queries.levels_due(self.channel, now=self.now()), None):
            while deliveries := self.queries.due(self.channel, now=self.now(), level=level, without=finished):
                for rule, pending in _by_rule(deliveries).items():
                    for delivery in self._messages(rule, pending):
                        if self._ends:
                            return total
                        total += self._run(delivery)
                    finished.append(rule)
        if self._is_full and not self._ends:
            total += self._run(Delivery(rule="", channel=self.channel, is_digest=True))
        return total

    def _begin_round(self) -> None:
        self._is_full = False
        self.queries.refresh()  # else what was sent a moment ago would not count against the limits
        limit = self.rate_limit.messages
        if limit is None:
            self._room = sys.maxsize
        else:
            since = self.now() - self.rate_limit.within
            self._room = limit - self.queries.sent_since("", self.channel, since=since, most=limit)

    def _messages(self, rule: str, pending: Sequence[Delivery]) -> Iterator[Delivery]:
        """Yield a rule's messages: single ones up to the limits, and a digest of the rest.

        Where the channel's limit is reached, the rest waits for a digest of all rules.
        """
        singles = [delivery for delivery in pending if not delivery.digest_id]
        within_limit = [delivery for delivery in singles[: self._remaining(rule, len(singles))] if self._fits(delivery)]
        yield from within_limit
        if len(within_limit) == len(pending):
            return
        self._is_full = self._is_full or (self._room <= 0 and len(within_limit) < len(singles))
        if self._room > 0 or pending[0].is_exempt or len(singles) < len(pending):
            yield Delivery(rule=rule, channel=self.channel, is_digest=True)

    def _fits(self, delivery: Delivery) -> bool:
        """Count a single message against the channel's limit; false where it is reached."""
        if delivery.is_exempt:
            return True
        self._room -= 1
        return self._room >= 0

    def _remaining(self, rule: str, singles: int) -> int:
        """Return how many single messages the rate limit still allows."""
        limit = self.rate_limit.limit
        if singles <= 1:  # a lone alert is never worth a digest
            return limit
        since = self.now() - self.rate_limit.within
        return max(0, limit - self.queries.sent_since(rule, self.channel, since=since, most=limit))

    def _run(self, delivery: Delivery) -> DeliveryResult:
        """Run a delivery; an error that is in no plan leaves it as it is stored, and the others are run."""
        try:
            return self._store(*run_stages(delivery, self.stages))
        except ClusterError:
            raise
        except Exception:  # attackers write events: one of them must not hold the alerts of other rules
            log.exception("delivery.broken", channel=delivery.channel, rule=delivery.rule)
            return DeliveryResult(postponed=1)

    def _store(self, delivery: Delivery, outcome: Outcome) -> DeliveryResult:
        """Store the outcome of a delivery in the outbox, and what it says about the channel."""
        now = self.now()
        match outcome:
            case Proceed():
                self.outbox.mark_sent(outcome.delivery, now=now)
                self.observe(delivery.channel_name, "sent")
                log.info("digest.sent" if delivery.is_digest else "delivery.sent", **_described(delivery))
                self._log_refusals(outcome.delivery)
                self._accepted(now)
                return DeliveryResult(sent=1)
            case Retry():
                self.outbox.postpone(delivery, outcome.reason, until=self._failed(delivery, outcome.reason, now))
                self.observe(delivery.channel_name, "postponed")
                log.warning("delivery.postponed", error=outcome.reason, **_described(delivery))
                return DeliveryResult(postponed=1)
            case Hold():
                self.outbox.postpone(delivery, outcome.reason, until=outcome.until)
                self.observe(delivery.channel_name, "postponed")
                log.warning("delivery.postponed", error=outcome.reason, **_described(delivery))
                return DeliveryResult(postponed=1)
            case Drop():
                self.outbox.fail(delivery, outcome.reason)
                self.observe(delivery.channel_name, "failed")
                advice = "mend the cause, then send it again by `watcher resend`"
                log.warning("delivery.failed", error=outcome.reason, advice=advice, **_described(delivery))
                self._change_state(lambda state: state.after_refusal(outcome.reason, now=now), now)
                return DeliveryResult(failed=1)
            case Leave():
                return DeliveryResult()

    def _accepted(self, now: datetime) -> None:
        if self.state.is_failing:
            log.info("channel.recovered", channel=self.channel, failures=self.state.failures)
            self._change_state(lambda state: state.after_success(now=now), now)

    def _failed(self, delivery: Delivery, error: str, now: datetime) -> datetime:
        """Return when a delivery is tried again, after a failure that may pass.

        A message that failed before, while the channel accepts others, waits alone; otherwise the channel waits.
        """
        if delivery.attempts > 1 and not self.state.is_failing:
            return now + retry_delay(delivery.attempts)
        self._change_state(lambda state: state.after_failure(error, now=now), now)
        log.warning("channel.failed", channel=self.channel, error=error, failures=self.state.failures)
        return self.state.next_try or now

    def _change_state(self, change: Callable[[ChannelState], ChannelState], now: datetime) -> None:
        self.state = self.states.change(self.channel, change, now=now)

    def _log_refusals(self, delivery: Delivery) -> None:
        for refusal in delivery.refusals:
            log.warning(
                "recipient.refused",
                channel=self.channel,
                recipient=refusal.recipient,
                error=refusal.error,
                retried=not refusal.permanent,
            )


def _by_rule(deliveries: Iterable[Delivery]) -> Mapping[str, list[Delivery]]:
    groups: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault(delivery.rule, []).append(delivery)
    return groups


def _described(delivery: Delivery) -> dict[str, object]:
    """Return the keys that a log line says about a delivery."""
    described: dict[str, object] = {"channel": delivery.channel, "attempt": delivery.attempts}
    if delivery.is_digest:
        return {**described, "rule": delivery.rule, "alerts": len(delivery.alerts), "digest_id": delivery.digest_id}
    return {**described, "alert": delivery.alerts[0].id}
