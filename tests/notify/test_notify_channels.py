from __future__ import annotations

from datetime import timedelta

import pytest
from support.hostile_text import FixedClock

from watcher.notify.apprise import AppriseChannel
from watcher.notify.apprise.transport import AppriseNotifier
from watcher.notify.channel_registry import build_notifier, retry_delay
from watcher.notify.mail import MailChannel
from watcher.notify.mail.transport import MailNotifier
from watcher.notify.slack import SlackChannel
from watcher.notify.slack.transport import SlackNotifier
from watcher.settings import ChannelSettings, Secret


@pytest.mark.parametrize(
    ("channel", "kind"),
    [
        (MailChannel(name="one", host="localhost", to=()), MailNotifier),
        (SlackChannel(name="one", webhook_url=Secret("https://hooks.example/x")), SlackNotifier),
        (AppriseChannel(name="one", url=Secret("json://localhost")), AppriseNotifier),
    ],
)
def test_every_kind_of_channel_has_its_notifier(channel: ChannelSettings, kind: type) -> None:
    """Settings of a channel become the channel, under its name, without connecting."""
    built = build_notifier(channel, FixedClock())
    assert type(built) is kind
    assert built.name == "one"


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        (0, 0),  # not tried yet: at once
        (1, 30),
        (2, 60),
        (3, 120),
        (4, 240),
        (5, 480),
        (6, 960),
        (7, 1_920),
        (8, 3_600),  # never more than an hour: a repaired channel is used soon
        (9, 3_600),
        (10_000, 3_600),  # and no overflow
    ],
)
def test_the_wait_doubles_up_to_an_hour(attempts: int, seconds: int) -> None:
    """The first failure is followed by half a minute, each further one by twice as long, at most an hour."""
    assert retry_delay(attempts) == timedelta(seconds=seconds)
