"""The message that a backfill sends at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from watcher.backoff import Backoff
from watcher.components import Components
from watcher.counted_nouns import counted
from watcher.errors import DeliveryError, InputError
from watcher.model import RuleMetadata, Window
from watcher.notify.message_context import OperatorNotice, operator_notice
from watcher.notify.renderer import Renderer
from watcher.pipeline import Stopping
from watcher.ports import Clock, Notifier
from watcher.settings import ChannelSettings
from watcher.timestamps import format_timestamp
from watcher.usecases.backfill_job import INTERRUPTED, BackfillProgress
from watcher.usecases.backfill_runner import BackfillRunner

_ATTEMPTS = 3  # on one channel
_BACKOFF = Backoff(first=timedelta(seconds=2), longest=timedelta(seconds=4))
_MOST_RULES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedDigest:
    """A channel that did not accept the digest, and why."""

    channel: str
    error: str


def send_digest(
    runner: BackfillRunner, progress: BackfillProgress, rules: Mapping[str, RuleMetadata], components: Components
) -> tuple[RefusedDigest, ...]:
    """Send one message to each pending channel, and return the channels that did not accept it.

    Running the same backfill again tries just these, also where this run was asked to stop meanwhile.
    """
    window = runner.window
    notice = operator_notice(
        f"backfill: {progress.alerts:,} alerts, {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}",
        digest_text(rules, progress, window),
        moment=components.clock.now(),
        digest=runner.job.id,
    )
    channels = components.notifiers()
    sender = DigestSender(renderer=components.renderer(), clock=components.clock, stopping=runner.stopping)
    refused = []
    for name in progress.pending_channels:
        error = sender.send(notice, *channels[name]) if name in channels else ""
        if error:
            refused.append(RefusedDigest(channel=name, error=error))
        else:
            runner.mark_sent(name)
    return tuple(refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestSender:
    """Sends a message, until the run is asked to stop."""

    renderer: Renderer
    clock: Clock
    stopping: Stopping

    def send(self, notice: OperatorNotice, channel: ChannelSettings, notifier: Notifier) -> str:
        """Send a message, again where that can help, and return the last error, empty where it was accepted."""
        error = ""
        for attempt in range(1, _ATTEMPTS + 1):
            if self.stopping():
                return error or INTERRUPTED
            try:
                notifier.send(self.renderer.render(notice, channel))
            except (DeliveryError, InputError) as fault:
                error = str(fault)
                if not isinstance(fault, DeliveryError) or fault.permanent:
                    return error
                if attempt < _ATTEMPTS:
                    self.clock.wait(_BACKOFF.delay(attempt).total_seconds(), self.stopping)
            else:
                return ""
        return error


def digest_text(rules: Mapping[str, RuleMetadata], progress: BackfillProgress, window: Window) -> str:
    """Return the text of the message: the totals, and the rules with the most hits first."""
    totals = Counter({name: sum(days.values()) for name, days in progress.by_rule.items()})
    counts = f"{progress.events:,} events, {counted(sum(totals.values()), 'hit')} of {counted(len(totals), 'rule')}"
    lines = [
        (
            f"From {format_timestamp(window.start)} to {format_timestamp(window.end)}: {counts}, "
            f"{progress.alerts:,} alerts opened"
        ),
        "",
    ]
    for name, hits in totals.most_common(_MOST_RULES):
        rule = rules.get(name)
        days = len(progress.by_rule[name])
        title = f"[{rule.level}] {rule.title}" if rule is not None else name
        lines.append(f"{hits:>9,} hits on {days:>3} days   {title}")
    if len(totals) > _MOST_RULES:
        lines.append(f"… and {len(totals) - _MOST_RULES:,} more rules")
    lines += [f"not searched: `{index}`: {reason}" for index, reason in sorted(progress.unsearchable.items())]
    return "\n".join(lines)
