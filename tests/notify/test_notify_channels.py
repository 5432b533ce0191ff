from __future__ import annotations

from datetime import timedelta

import pytest
from attack import FixedClock

from watcher.notify.channels import next_attempt, notifier
from watcher.notify.mail import Mail
from watcher.notify.services import Services
from watcher.notify.slack import Slack
from watcher.settings import AppriseChannel, Channel, MailChannel, Secret, SlackChannel


@pytest.mark.parametrize(
    ("channel", "kind"),
    [
        (MailChannel(name="one", host="localhost"), Mail),
        (SlackChannel(name="one", webhook_url=Secret("https://hooks.example/x")), Slack),
        (AppriseChannel(name="one", url=Secret("json://localhost")), Services),
    ],
)
def test_every_kind_of_channel_has_its_notifier(channel: Channel, kind: type) -> None:
    """Settings of a channel become the channel, under its name, without connecting."""
    built = notifier(channel, FixedClock())
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
        (8, 3_600),  # never more than an hour: a mended channel is found soon
        (9, 3_600),
        (10_000, 3_600),  # and no overflow
    ],
)
def test_the_wait_doubles_up_to_an_hour(attempts: int, seconds: int) -> None:
    """The first failure is followed by half a minute, each further one by twice as long, at most an hour."""
    assert next_attempt(attempts) == timedelta(seconds=seconds)
