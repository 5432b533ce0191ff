"""The message at the end of a backfill: sent again where that can help, and left to the next run after a signal."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from support.fakes import NOW, FakeClock

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.message_context import operator_notice
from watcher.notify.renderer import Renderer
from watcher.settings import read
from watcher.usecases.backfill_digest import DigestSender
from watcher.usecases.backfill_job import INTERRUPTED

NOTICE = operator_notice("backfill: 2 alerts", "text", moment=NOW, digest="a")
CHANNEL = read("channels: {c: {type: file, path: alerts.jsonl}}", {}).channels[0]


@dataclass(slots=True)
class FailingNotifier:
    """A channel that accepts nothing."""

    attempts: list[Notification] = field(default_factory=list)

    def send(self, notification: Notification) -> None:
        """Refuse a message for now."""
        self.attempts.append(notification)
        raise DeliveryError("the channel is away", permanent=False)


@pytest.mark.parametrize(
    ("stops_after", "attempts", "error"),
    [(0, 0, INTERRUPTED), (1, 1, "the channel is away"), (9, 3, "the channel is away")],
)
def test_a_signal_ends_the_attempts(stops_after: int, attempts: int, error: str) -> None:
    notifier = FailingNotifier()
    sender = DigestSender(
        renderer=Renderer(), clock=FakeClock(), stopping=lambda: len(notifier.attempts) >= stops_after
    )
    assert sender.send(NOTICE, CHANNEL, notifier) == error
    assert len(notifier.attempts) == attempts
