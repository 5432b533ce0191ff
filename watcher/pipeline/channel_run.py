"""The due deliveries of one channel: the highest level first, and the channel as a whole waits after a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from watcher.delivery.channel_state import SHORTEST_WAIT, ChannelState, ChannelStates
from watcher.delivery.deliveries import Delivery
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.message_failures import after_failure
from watcher.delivery.outbox import Outbox
from watcher.delivery.rate_limit import RateLimit, Reason
from watcher.delivery.sent_messages import SentMessages
from watcher.delivery.silencing import Silencing
from watcher.delivery.stage_outcomes import (
    Drop,
    Hold,
    Leave,
    Outcome,
    Proceed,
    Refuse,
    Retry,
    Silence,
    Stage,
    run_stages,
)
from watcher.delivery.stages import Stopping
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
    silencing: Silencing
    stopping: Stopping
    observe: Callable[[str, str], None]  # counts the outcomes: channel in settings, outcome
    state: ChannelState  # as the last attempt left it
    fallback: str | None = None  # the channel that gets what this one gives up
    refused: set[str] = field(default_factory=set)  # the channels that refused a message of this process
    _sent: SentMessages = field(init=False)  # of this round and before
    _waiting: set[Reason] = field(default_factory=set)  # why alerts of this round wait for a digest of all rules
    _digest_level: str = ""  # their highest level
    _groups: set[str] = field(default_factory=set)  # of the digests of routes that this round sent

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
        if self._waiting and not self._ends:
            total += self._run(self._digest())
        return total

    def _digest(self) -> Delivery:
        """Return the digest of all rules, with the highest level of what waits for it."""
        of_channel = Reason.LIMIT_OF_CHANNEL in self._waiting
        reason = Reason.LIMIT_OF_CHANNEL if of_channel else Reason.LIMIT_OF_KEY
        return Delivery(rule="", level=self._digest_level, channel=self.channel, is_digest=True, reason=reason)

    def _begin_round(self) -> None:
        self._waiting, self._digest_level, self._groups = set(), "", set()
        self.queries.refresh()  # else what was sent or held back a moment ago would count as due, and against no limit
        self._hold_back()
        since = self.now() - self.rate_limit.within
        self._sent = SentMessages(channel=self.channel, queries=self.queries, limit=self.rate_limit, since=since)

    def _hold_back(self) -> None:
        """Store what silences hold back, before it counts against a limit."""
        self.silencing.begin_round()
        for delivery, outcome in self.silencing.held_back(self.channel):
            if self._ends:
                return
            self._store(delivery, outcome)

    def _messages(self, rule: str, pending: Sequence[Delivery]) -> Sequence[Delivery]:
        """Return a rule's messages: single ones within the limits, and a digest where its limit is reached.

        What is beyond another limit waits for the digest of all rules.
        """
        digests = tuple(self._digests_of_routes(pending))
        decided = [(delivery, self._sent.add(delivery)) for delivery in pending if not delivery.receiver.group]
        singles = [replace(delivery, reason=reason) for delivery, reason in decided if reason.is_single]
        limited = {reason for _, reason in decided if not reason.is_single}
        for reason in (Reason.UNFINISHED_DIGEST, Reason.LIMIT_OF_RULE):
            if reason in limited:
                return [*singles, *digests, Delivery(rule=rule, channel=self.channel, is_digest=True, reason=reason)]
        if limited:
            self._waiting |= limited
            self._digest_level = self._digest_level or pending[0].level  # the highest level comes first
        return [*singles, *digests]

    def _digests_of_routes(self, pending: Sequence[Delivery]) -> Iterator[Delivery]:
        """Yield the digest of each group of deliveries, once in a round: it contains the alerts of all rules."""
        for delivery in pending:
            group = delivery.receiver.group
            if group and group not in self._groups:
                self._groups.add(group)
                yield Delivery(
                    rule="",
                    level=delivery.level,
                    channel=self.channel,
                    is_digest=True,
                    reason=Reason.DIGEST_OF_ROUTE,
                    receiver=delivery.receiver,
                )

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
                return DeliveryResult(sent=1) + _refused(outcome.delivery)
            case Retry() | Refuse():
                return self._retry(delivery, outcome, now)
            case Hold():
                return self._postpone(delivery, outcome.reason, outcome.until)
            case Silence():
                self.outbox.silence(delivery, outcome.reason, outcome.outcome)
                self.observe(delivery.channel_name, str(outcome.outcome))
                log.info(
                    "delivery.silenced", outcome=str(outcome.outcome), reason=outcome.reason, **_described(delivery)
                )
                return DeliveryResult()
            case Drop():
                result = self._give_up(delivery, outcome.reason, now)
                self._change_state(lambda state: state.after_giving_up(outcome.reason, now=now), now)
                return result
            case Leave():
                return DeliveryResult()

    def _postpone(
        self, delivery: Delivery, reason: str, until: datetime, also: Mapping[str, Any] | None = None
    ) -> DeliveryResult:
        self.outbox.postpone(delivery, reason, until=until, also=also)
        self.observe(delivery.channel_name, "postponed")
        log.warning("delivery.postponed", error=reason, **_described(delivery))
        return DeliveryResult(postponed=1)

    def _give_up(self, delivery: Delivery, reason: str, now: datetime) -> DeliveryResult:
        self.outbox.fail(delivery, reason, now=now, fallback=self.fallback)
        self.observe(delivery.channel_name, "failed")
        advice = "mend the cause, then send it again by `watcher resend`"
        log.warning("delivery.failed", error=reason, advice=advice, **_described(delivery))
        return DeliveryResult(failed=1)

    def _retry(self, delivery: Delivery, retry: Retry | Refuse, now: datetime) -> DeliveryResult:
        """Store a failure: the channel waits, or a message alone that fails while the channel accepts others."""
        accepted_since = partial(self.queries.accepted_since, self.channel)
        channel_fails = self.state.is_failing
        failures = after_failure(delivery, accepted_since, channel_fails=channel_fails, now=now)
        if channel_fails or not failures.alone:
            return self._postpone(delivery, retry.reason, self._failed(retry, now), failures.as_values())
        if failures.is_final:
            others = f"{failures.alone} times since {failures.since:%Y-%m-%d %H:%M} UTC, between accepted messages"
            return self._give_up(delivery, f"{retry.reason} ({others})", now)
        wait = retry_delay(delivery.attempts) if retry.wait is None else max(retry.wait, SHORTEST_WAIT)
        return self._postpone(delivery, retry.reason, now + wait, failures.as_values())

    def _accepted(self, now: datetime) -> None:
        if self.state.is_failing:
            log.info("channel.recovered", channel=self.channel, failures=self.state.failures)
            self._change_state(lambda state: state.after_success(now=now), now)

    def _failed(self, retry: Retry | Refuse, now: datetime) -> datetime:
        """Let the channel wait, after a failure that may pass, or that somebody must mend; return when it is tried.

        A delivery that was refused is due at once: a sidecar that starts with other settings need not wait.
        """
        if isinstance(retry, Refuse):
            self.refused.add(self.channel)
            self._change_state(lambda state: state.after_refusal(retry.reason, now=now, wait=retry.wait), now)
            log.warning("channel.refused", channel=self.channel, error=retry.reason, failures=self.state.failures)
            return now
        self._change_state(lambda state: state.after_failure(retry.reason, now=now, wait=retry.wait), now)
        log.warning("channel.failed", channel=self.channel, error=retry.reason, failures=self.state.failures)
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


def _refused(delivery: Delivery) -> DeliveryResult:
    """Return the counts of the recipients that did not get a message which others got."""
    failed = sum(refusal.permanent for refusal in delivery.refusals)
    return DeliveryResult(postponed=len(delivery.refusals) - failed, failed=failed)


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
