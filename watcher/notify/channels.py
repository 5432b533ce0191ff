"""Settings of a channel → the channel, and when a failed attempt is followed by the next."""

from __future__ import annotations

from datetime import timedelta

from watcher.notify.mail import Mail
from watcher.notify.services import Services
from watcher.notify.slack import Slack
from watcher.ports import Clock, Notifier
from watcher.settings import Channel, MailChannel, SlackChannel

_FIRST = timedelta(seconds=30)
_LONGEST = timedelta(hours=1)


def notifier(channel: Channel, clock: Clock) -> Notifier:
    """Build the channel that settings describe; nothing is connected before the first message."""
    if isinstance(channel, MailChannel):
        return Mail(channel, clock)
    if isinstance(channel, SlackChannel):
        return Slack(channel)
    return Services(channel)


def next_attempt(attempts: int) -> timedelta:
    """Tell how long to wait after so many failed attempts: 30 s, doubling, at most an hour."""
    if attempts <= 0:
        return timedelta()
    doublings: int = 2 ** min(attempts - 1, 16)
    return min(_FIRST * doublings, _LONGEST)
