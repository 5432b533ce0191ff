"""The ports of the process: channels that take notifications, and the machine's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, runtime_checkable

from watcher.model import Notification


class Notifier(Protocol):
    """A channel that takes notifications."""

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        ...

    def send(self, notification: Notification) -> str | None:
        """Hand the notification over; raises DeliveryError, which says whether trying again can help.

        The result is the service's own id of the message, for a channel that needs it later.
        """
        ...


@runtime_checkable
class Follower(Protocol):
    """A channel that shows what people do to an alert after its message."""

    def follow(self, notification: Notification) -> None:
        """Show the `follow_up` of a notification; raises DeliveryError as `send` does."""
        ...


class Clock(Protocol):
    """The only source of this machine's time."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back and include suspend."""
        ...

    def wait(self, seconds: float, stopping: Callable[[], bool] = ...) -> None:
        """Wait; end earlier where `stopping` returns true. What `stopping` raises ends it too."""
        ...


Progress = Callable[[int, int], None]
"""Receives how much of some work is done, and how much there is."""


def no_progress(done: int, total: int) -> None:
    """Show nothing."""
