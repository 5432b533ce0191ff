"""Settings of a channel → the channel, and when a failed attempt is followed by the next."""

from __future__ import annotations

from datetime import timedelta

from watcher.notify.apprise import AppriseNotifier
from watcher.notify.mail import MailNotifier
from watcher.notify.slack import SlackNotifier
from watcher.ports import Clock, Notifier
from watcher.settings import AppriseChannel, Channel, MailChannel, SlackChannel

_FIRST = timedelta(seconds=30)
_LONGEST = timedelta(hours=1)


def build_notifier(channel: Channel, clock: Clock) -> Notifier:
    """Build the channel that settings describe; nothing is connected before the first message."""
    if isinstance(channel, MailChannel):
        return MailNotifier(channel, clock)
    if isinstance(channel, SlackChannel):
        return SlackNotifier(channel)
    if isinstance(channel, AppriseChannel):
        return AppriseNotifier(channel)
    raise TypeError(channel)


def retry_delay(attempts: int) -> timedelta:
    """Tell how long to wait after so many failed attempts: 30 s, doubling, at most an hour."""
    if attempts <= 0:
        return timedelta()
    doublings: int = 2 ** min(attempts - 1, 16)
    return min(_FIRST * doublings, _LONGEST)
